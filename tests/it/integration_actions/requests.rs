//! Items as requests: templates, the key by which the other side does its work once, refusals.

use serde_json::{Value, json};

use super::fixture::{Acts, result};
use crate::support::upstream::{Behaviour, Upstream};

#[tokio::test]
async fn an_item_becomes_the_request_that_its_templates_say() {
    let target = Upstream::start();
    let path = "/invoices/A%2FB%20%C3%A4";
    target.status(path, 201, "made");
    let acts = Acts::open().await;
    let action = json!({
        "Method": "PUT",
        "Url": target.url("/invoices/{{ item.Key }}?element={{ integration.elementId }}&try={{ queueItem.attempt }}"),
        "Headers": {"X-Customer": "{{ item.Customer.Name }}", "X-Plain": "as it is"},
        "Body": r#"{"text": "{{ item.Text }}", "amount": {{ item.Amount }}, "lines": {{ item.Data.Lines|tojson }}}"#,
    });
    let line = acts.line(action, json!({}), json!({})).await;
    let data = json!({"Text": "say \"hi\"\n", "Amount": 12.5, "Customer": {"Name": "Ada"}, "Lines": [{"No": 1}]});
    acts.put("invoice", "A/B ä", data).await;
    let item = acts.send(line, "A/B ä", 1).await;
    assert_eq!(
        (item.state.as_str(), result(&item)),
        ("Completed", "HTTP 201"),
        "{item:?}"
    );
    assert_eq!(item.attempt, 0);
    let request = &target.requests_to(path)[0];
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("PUT", &*format!("{path}?element=E%201&try=1"))
    );
    assert_eq!(request.header("x-customer"), Some("Ada"));
    assert_eq!(request.header("x-plain"), Some("as it is"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let key = format!("{}:A/B %C3%A4:1", line.client);
    assert_eq!(request.header("idempotency-key"), Some(key.as_str()));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({"text": "say \"hi\"\n", "amount": 12.5, "lines": [{"No": 1}]})
    );
}

#[tokio::test]
async fn a_template_that_cannot_be_filled_is_no_reason_to_try_again() {
    let target = Upstream::start();
    let acts = Acts::open().await;
    let url = target.url("/hook");
    acts.put(
        "invoice",
        "A",
        json!({"Name": "x", "Lines": [1, 2, 3], "Host": "127.0.0.1:1"}),
    )
    .await;
    let nested = "{% for a in item.Lines %}".repeat(12) + &"{% endfor %}".repeat(12);
    for (action, said) in [
        (
            json!({"Url": url, "Body": "{{ item.Nmae }}"}),
            "Body cannot be used: line 1: there is no item.Nmae",
        ),
        (
            json!({"Url": format!("{url}/{{{{ itme.Key }}}}")}),
            "Url cannot be used: line 1: there is no itme",
        ),
        (
            json!({"Url": url, "Headers": {"X-A": "{{ item.B }}"}}),
            "header X-A cannot be used",
        ),
        (json!({"Url": url, "Body": nested}), "steps"),
        (json!({"Url": "/relative"}), "has no host"),
    ] {
        let line = acts.line(action, json!({}), json!({})).await;
        let item = acts.send(line, "A", 1).await;
        assert_eq!((item.state.as_str(), item.attempt), ("Abandoned", 1), "{item:?}");
        assert!(result(&item).contains(said), "{item:?}");
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn an_item_whose_row_is_gone_is_cancelled() {
    let target = Upstream::start();
    let acts = Acts::open().await;
    let action = json!({"Url": target.url("/hook")});
    let records = acts.line(action.clone(), json!({}), json!({})).await;
    let transactions = acts.line(action, json!({"EntityId": "Transaction"}), json!({})).await;
    for (line, id) in [
        (records, "nobody"),
        (transactions, "0199d3a5-0000-7000-8000-000000000000"),
        (transactions, "no id"),
    ] {
        let item = acts.send(line, id, 1).await;
        assert_eq!(item.state, "Cancelled", "{item:?}");
        assert!(result(&item).contains("not there any more"), "{item:?}");
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn a_refusal_is_shown_and_the_time_that_it_asks_for_is_kept() {
    let target = Upstream::start();
    target.on(
        "/hook",
        Behaviour::Respond {
            status: 503,
            headers: vec![("Retry-After".to_owned(), "120".to_owned())],
            body: b"closed\n for lunch".to_vec(),
        },
    );
    let acts = Acts::open().await;
    let line = acts
        .line(json!({"Url": target.url("/hook")}), json!({}), json!({}))
        .await;
    acts.put("invoice", "A", json!({})).await;
    let item = acts.send(line, "A", 1).await;
    assert_eq!((item.state.as_str(), item.attempt), ("Failed", 1), "{item:?}");
    assert_eq!(result(&item), "HTTP 503: closed for lunch");
    assert!(item.due_at - item.updated_at >= 119_000_000, "{item:?}");
    assert!(acts.record("invoice", "A").await.is_some());
}
