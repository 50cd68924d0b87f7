//! Headless Chromium on the console of an engine: finds things as people do, by their labels and words, and waits for what it
//! looks for. Whatever the browser complains of (errors of modules, refusals of the policy) fails the test at its end.

use std::{
    fmt::Debug,
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use fantoccini::{
    Client, ClientBuilder,
    elements::{Element, ElementRef},
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, engine::PASSWORD, scene::eventually};

/// Programs of Debian's packages `chromium` and `chromium-driver`.
const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";
/// The member that names an element in the protocol (WebDriver, section 11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How things are found and judged, in the page.
const FIND: &str = include_str!("browser/find.js");
const JUDGE: &str = include_str!("browser/judge.js");

/// See the module.
pub struct Browser {
    client: Client,
    base: String,
    driver: Child,
    _profile: TempDir,
}

/// The browser's own log.
#[derive(Debug)]
struct ReadLog;

impl Browser {
    /// None where Chromium is not installed, which CI refuses.
    pub async fn start(address: SocketAddr) -> Option<Self> {
        if !Path::new(CHROMIUM).exists() || !Path::new(DRIVER).exists() {
            let text = "SKIPPED in a browser: install the packages chromium and chromium-driver";
            assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{text}");
            eprintln!("{text}");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let (driver, port) = start_driver();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(profile.path()))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let browser = Self {
            client,
            base: format!("http://{address}"),
            driver,
            _profile: profile,
        };
        browser.size(1280, 900).await;
        Some(browser)
    }

    /// As the first user.
    pub async fn sign_in(&self) {
        self.open("/console").await;
        self.fill("Username", "admin").await;
        self.fill("Password", PASSWORD).await;
        self.press("Sign in").await;
        self.see("Sign out").await;
    }

    /// Goes to a path of the engine.
    pub async fn open(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base)).await.unwrap();
    }

    /// The path of the page, with its query.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.as_str().replacen(&self.base, "", 1)
    }

    /// Of the window, in CSS pixels; below 600 it is a phone.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.develop("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Whether people like it dark.
    pub async fn dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.develop("Emulation.setEmulatedMedia", features).await;
    }

    /// Waits until the page shows this text.
    pub async fn see(&self, text: &str) {
        self.until(
            &format!("{text:?} is shown"),
            "return shows(arguments[0])",
            &[json!(text)],
        )
        .await;
    }

    /// Waits until the page does not show this text any more.
    pub async fn miss(&self, text: &str) {
        self.until(
            &format!("{text:?} is not shown"),
            "return !shows(arguments[0])",
            &[json!(text)],
        )
        .await;
    }

    /// Fills in the field with this label.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Puts a long text into the field with this label at once, as from the clipboard.
    pub async fn paste(&self, label: &str, text: &str) {
        self.field(label).await;
        let put = "const field = labelled(arguments[0]); field.value = arguments[1]; \
                   field.dispatchEvent(new Event('input', { bubbles: true })); return true";
        self.run(put, &[json!(label), json!(text)]).await;
    }

    /// Chooses the option with these words.
    pub async fn choose(&self, label: &str, words: &str) {
        let what = format!("{words:?} can be chosen as {label:?}");
        self.until(
            &what,
            "return choose(arguments[0], arguments[1])",
            &[json!(label), json!(words)],
        )
        .await;
    }

    /// Ticks the box with this label, or takes the tick away.
    pub async fn tick(&self, label: &str) {
        let field = self
            .find(
                &format!("a field {label:?}"),
                "return heldStill(labelled(arguments[0]))",
                label,
            )
            .await;
        self.click(field).await;
    }

    /// Presses the button or link with these words; in an open dialog, if there is one.
    pub async fn press(&self, words: &str) {
        let button = self
            .find(
                &format!("a button or link {words:?}"),
                "return heldStill(pressable(arguments[0]))",
                words,
            )
            .await;
        self.click(button).await;
    }

    async fn click(&self, element: Element) {
        element.click().await.unwrap();
        // Where this led to another page, there is nothing to thaw.
        let _ = self.client.execute(&format!("{FIND}\nthaw()"), Vec::new()).await;
    }

    /// The control with this label.
    pub async fn field(&self, label: &str) -> Element {
        self.find(&format!("a field {label:?}"), "return labelled(arguments[0])", label)
            .await
    }

    /// Runs a script in the page with the functions of `find.js`.
    pub async fn run(&self, script: &str, arguments: &[Value]) -> Value {
        let whole = format!("{FIND}\n{script}");
        self.client.execute(&whole, arguments.to_vec()).await.unwrap()
    }

    /// Waits until a script in the page says true. Pages may go away under it.
    pub async fn until(&self, what: &str, script: &str, arguments: &[Value]) {
        let whole = format!("{FIND}\n{script}");
        eventually(what, || async {
            let said = self.client.execute(&whole, arguments.to_vec()).await;
            said.is_ok_and(|said| said == json!(true))
        })
        .await;
    }

    /// Judges the page as it is: names of controls, headings, tables, contrast of all text, width; in light and dark, wide and
    /// on a phone.
    pub async fn judge(&self) {
        for (width, height) in [(1280, 900), (390, 844)] {
            for dark in [false, true] {
                self.size(width, height).await;
                self.dark(dark).await;
                let script = format!("{FIND}\n{JUDGE}\nreturn judge()");
                let complaints = self.client.execute(&script, Vec::new()).await.unwrap();
                let path = self.path().await;
                assert_eq!(complaints, json!([]), "{path} at {width}, dark: {dark}: {complaints:#}");
            }
        }
        self.size(1280, 900).await;
        self.dark(false).await;
    }

    /// Walks through the page with Tab: every control is reached, in the order of the page, and shows that it has the focus.
    pub async fn walk(&self) {
        let expected = self.run("still(); return tabbable().length", &[]).await;
        let expected = expected.as_u64().unwrap();
        // From the very beginning, wherever the focus is now.
        let begin = "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex'); return null";
        self.run(begin, &[]).await;
        let mut last = -1;
        for step in 0..expected {
            self.key("Tab").await;
            let at = self.run("return focused()", &[]).await;
            let place = at["place"].as_i64().unwrap();
            assert!(place > last, "step {step} goes from {last} to {at}");
            assert_eq!(at["visible"], json!(true), "the focus is not seen at {at}");
            last = place;
            if at["editor"] == json!(true) {
                self.key("Escape").await;
            }
        }
        self.run("thaw(); return null", &[]).await;
    }

    /// Presses a key in the element that has the focus.
    pub async fn key(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Escape" => 27,
            "Enter" => 13,
            other => panic!("{other}: name its code here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.develop("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Takes a picture of the page's begin; `ORRERY_PICTURES` names the folder where they are kept, else `target` has them.
    pub async fn picture(&self, name: &str) {
        self.picture_of(name, "body").await;
    }

    /// As [`Self::picture`], beginning with this element.
    pub async fn picture_of(&self, name: &str, selector: &str) {
        let show = "document.activeElement?.blur(); const of = document.querySelector(arguments[0]); of.scrollIntoView(); return null";
        self.run(show, &[json!(selector)]).await;
        let folder = std::env::var_os("ORRERY_PICTURES").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures"),
            PathBuf::from,
        );
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.client.screenshot().await.unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "{name} is no picture");
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// Ends it: the browser must have had nothing to complain of, but answers that say that something was refused. What it
    /// recommends to forms with passwords is meant for signing in, not for forms that hold the passwords of others.
    pub async fn end(mut self) {
        let log = self.client.issue_cmd(ReadLog).await.unwrap();
        let complaints: Vec<&Value> = log
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| !is_refusal(entry) && entry["source"] != "recommendation")
            .collect();
        assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
    }

    async fn find(&self, what: &str, script: &str, words: &str) -> Element {
        let whole = format!("{FIND}\n{script}");
        let looks = async {
            loop {
                let found = self.client.execute(&whole, vec![json!(words)]).await;
                if let Ok(Value::Object(found)) = found {
                    let id = found[ELEMENT].as_str().unwrap().to_owned();
                    return Element::from_element_id(self.client.clone(), ElementRef::from(id));
                }
                let _ = tokio::time::timeout(std::time::Duration::from_millis(20), std::future::pending::<()>()).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, looks).await;
        match found {
            Ok(element) => element,
            Err(_) => panic!("{what} is not on the page:\n{}", self.text().await),
        }
    }

    /// What the page says.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body.innerText", &[]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    async fn develop(&self, command: &str, parameters: Value) {
        let command = Develop(json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(command).await.unwrap();
    }
}

impl Drop for Browser {
    /// A test that failed leaves no browser behind.
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.driver.wait();
    }
}

/// A page or part that answers 4xx is what some tests want; the browser notes it as an error of the network.
fn is_refusal(entry: &Value) -> bool {
    let is_network = entry["source"] == "network";
    is_network
        && entry["message"]
            .as_str()
            .is_some_and(|text| text.contains("status of 4"))
}

fn start_driver() -> (Child, u16) {
    let mut driver = Command::new(DRIVER)
        .arg("--port=0")
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines
        .by_ref()
        .find_map(|line| {
            let line = line.ok()?;
            line.split("successfully on port ")
                .nth(1)?
                .trim_end_matches('.')
                .parse()
                .ok()
        })
        .expect("the driver does not say its port");
    // Whoever writes into a pipe that nobody reads stops.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port)
}

fn capabilities(profile: &Path) -> Capabilities {
    let mut arguments: Vec<String> = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let capabilities = json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": CHROMIUM, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    capabilities.as_object().unwrap().clone()
}

impl WebDriverCompatibleCommand for ReadLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// A command of Chromium's own protocol.
#[derive(Debug)]
struct Develop(Value);

impl WebDriverCompatibleCommand for Develop {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}
