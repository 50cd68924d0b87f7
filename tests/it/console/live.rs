//! Live parts of a page in a browser: what is new comes in around what a person is at.

use serde_json::json;

use crate::support::{api::Api, browser::Browser, upstream::Upstream};

const LISTENS: &str = "return document.body.dataset.connected === 'yes'";

#[actix_web::test]
async fn what_is_new_leaves_ticks_and_focus_alone() {
    let api = Api::start(&[]).await;
    let Some(browser) = Browser::start(api.address()).await else {
        return;
    };
    let make = async |identifier: &str, preparation: bool| {
        let body = json!({ "identifier": identifier, "data": {}, "preparation": preparation });
        api.post("/api/v1/transactions", body).await.expect(201);
    };
    make("held", true).await;
    browser.sign_in().await;
    browser.press("Transactions").await;
    browser.until("the page listens", LISTENS, &[]).await;
    browser.tick("Tick held").await;
    let focus = "window.link = pressable('held'); window.link.focus(); return null";
    browser.run(focus, &[]).await;
    make("new", false).await;
    browser.see("new").await;
    let first = "return document.querySelector('tbody tr a').textContent";
    assert_eq!(browser.run(first, &[]).await, json!("new"), "it stands above");
    let kept = "return [document.activeElement === window.link, labelled('Tick held').checked]";
    assert_eq!(browser.run(kept, &[]).await, json!([true, true]));
    browser.end().await;
}

#[actix_web::test]
async fn what_a_question_is_about_does_not_go_away_under_it() {
    let upstream = Upstream::start();
    upstream.items("/items", json!([]));
    let api = Api::start(&[&upstream]).await;
    let Some(browser) = Browser::start(api.address()).await else {
        return;
    };
    api.create(api.definition("Doomed", &upstream.url("/items"))).await;
    let other = api.create(api.definition("Other", &upstream.url("/items"))).await;
    browser.sign_in().await;
    browser.press("Call APIs").await;
    browser.until("the page listens", LISTENS, &[]).await;
    browser.press("Delete Doomed").await;
    browser.see("Its transactions stay.").await;
    let hear = "window.heard = []; const source = new EventSource(`${document.body.dataset.base}/events`); \
                source.onopen = () => window.heard.push('open'); \
                source.addEventListener('call.activated', () => window.heard.push('activated')); return null";
    browser.run(hear, &[]).await;
    browser
        .until(
            "we hear what the page hears",
            "return window.heard.includes('open')",
            &[],
        )
        .await;
    // The list changes, and waits for the answer of the person.
    let activate = format!("/api/v1/call-apis/{other}/activate");
    api.post(&activate, json!({})).await.expect(200);
    browser
        .until("the page has heard", "return window.heard.includes('activated')", &[])
        .await;
    let shown = "return Boolean(document.querySelector('[aria-label=\"Deactivate Other\"]'))";
    assert_eq!(browser.run(shown, &[]).await, json!(false));
    browser.press("Cancel").await;
    browser.until("the list is as it is now", shown, &[]).await;
    browser.press("Delete Doomed").await;
    browser.press("Delete").await;
    browser.see("The call API Doomed is deleted.").await;
    browser.miss("Delete Doomed").await;
    browser.end().await;
}

#[actix_web::test]
async fn a_patched_part_is_like_the_new_one_and_keeps_what_is_a_persons() {
    let api = Api::start(&[]).await;
    let Some(browser) = Browser::start(api.address()).await else {
        return;
    };
    browser.open("/console/sign-in").await;
    let before = r#"
        <table><tbody><tr><td><a href="/1">one</a></td></tr><tr><td><a href="/2">two</a></td></tr></tbody></table>
        <form action="/f"><input type="hidden" name="version" value="1"><input type="checkbox" name="id" value="1">
        <select><option value="">none</option><option value="b">b</option></select>
        <button formaction="/off">Off</button></form>
        <details id="d"><summary>more</summary>old</details><p class="was">text</p>"#;
    let after = r#"
        <table><tbody><tr><td><a href="/3">three</a></td></tr><tr><td><a href="/2">two!</a></td></tr><tr><td><a href="/1">one</a></td></tr></tbody></table>
        <form action="/f"><input type="hidden" name="version" value="2"><input type="checkbox" name="id" value="1"><input type="checkbox" name="id" value="2">
        <select><option value="" selected>none</option><option value="a">a</option><option value="b">b</option></select>
        <button formaction="/on">On</button></form>
        <details id="d"><summary>more</summary>new</details><p lang="en">text <b>more</b></p>"#;
    let script = r#"return (async () => {
        const { patch } = await import(`${document.body.dataset.base}/assets/patch.js`);
        const part = (html) => new DOMParser().parseFromString(`<div>${html}</div>`, 'text/html').body.firstElementChild;
        const old = document.adoptNode(part(arguments[0]));
        document.body.append(old);
        const one = (selector) => old.querySelector(selector);
        const [link, form, box, select, button] = ['a', 'form', '[name=id]', 'select', 'button'].map(one);
        [box.checked, select.value, one('details').open] = [true, 'b', true];
        patch(old, part(arguments[1]));
        const held = [one('a[href="/1"]') === link, one('form') === form, one('[name=id]') === box && box.checked, select.value === 'b',
                      one('[name=version]').value === '1', one('details').open, one('button') !== button];
        select.value = '';
        patch(old, part(arguments[1]));
        [one('[name=version]').value, one('details').open] = ['2', false];
        return [held, old.innerHTML === part(arguments[1]).innerHTML, old.innerHTML];
    })()"#;
    let found = browser.run(script, &[json!(before), json!(after)]).await;
    assert_eq!(found[0], json!(vec![true; 7]), "{found:#}");
    assert_eq!(found[1], json!(true), "{found:#}");
    browser.end().await;
}
