//! The console without a browser: cookies and form tokens, as a browser keeps them.

use std::{net::SocketAddr, sync::Mutex};

use super::engine::{Api, PASSWORD, Reply};

/// Somebody at the console.
pub struct Pages {
    api: Api,
    cookies: Mutex<Vec<(String, String)>>,
    /// Of the session; in every page.
    pub token: String,
}

impl Pages {
    /// Signed in as the first user.
    pub async fn sign_in(address: SocketAddr) -> Self {
        Self::sign_in_as(address, "admin", PASSWORD).await
    }

    /// Signed in as this user.
    pub async fn sign_in_as(address: SocketAddr, username: &str, password: &str) -> Self {
        let mut pages = Self::visit(address);
        let page = pages.get("/console/sign-in").await.expect(200);
        pages.token = token_of(&page);
        let fields = [("username", username), ("password", password), ("next", "/console")];
        pages.post("/console/sign-in", &fields).await.expect(303);
        let first = pages.get("/console").await.expect(200);
        pages.token = token_of(&first);
        pages
    }

    /// In another tenant; forms of pages of the one before are refused from now on.
    pub async fn choose_tenant(&mut self, company_id: &str) {
        self.post("/console/tenant", &[("companyId", company_id)])
            .await
            .expect(303);
        let page = self.get("/console/tokens/new").await.expect(200);
        self.token = token_of(&page);
    }

    /// Not signed in.
    pub fn visit(address: SocketAddr) -> Self {
        Self {
            api: Api::anonymous(address),
            cookies: Mutex::default(),
            token: String::new(),
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        let reply = self.api.ask("GET", path).header("cookie", &self.cookie()).send().await;
        self.keep(&reply);
        reply
    }

    /// Sends a form with the session's token.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("_token", self.token.as_str())];
        all.extend(fields);
        self.post_exactly(path, &all).await
    }

    /// Sends a form with nothing but these fields.
    pub async fn post_exactly(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let ask = self.api.ask("POST", path).text(&body.finish());
        let reply = ask
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &self.cookie())
            .send()
            .await;
        self.keep(&reply);
        reply
    }

    /// A part of a page, as the modules ask for it.
    pub async fn part(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("_token", &self.token).extend_pairs(fields);
        let ask = self.api.ask("POST", path).text(&body.finish());
        ask.header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", &self.cookie())
            .header("x-part", "1")
            .send()
            .await
    }

    /// The value of a cookie.
    pub fn value_of(&self, name: &str) -> Option<String> {
        let cookies = self.cookies.lock().unwrap();
        let found = cookies.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    fn cookie(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        let each: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        each.join("; ")
    }

    fn keep(&self, reply: &Reply) {
        let mut cookies = self.cookies.lock().unwrap();
        for (_, set) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = set.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            cookies.retain(|(known, _)| known != name);
            if !set.contains("Max-Age=0") {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

/// The page as text.
pub fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// The id of the run that a page leads to first.
#[track_caller]
pub fn first_run(page: &str) -> String {
    let rest = page.split("/runs/").nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The form token that a page carries.
pub fn token_of(reply: &Reply) -> String {
    let page = text(reply);
    let after = page.split("name=\"_token\" value=\"").nth(1);
    let after = after.unwrap_or_else(|| panic!("the page has no form: {page}"));
    after.split('"').next().unwrap().to_owned()
}
