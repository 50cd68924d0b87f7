//! The known ways of telling the end, by example.

use serde_json::json;

use super::*;

fn wait(location: Option<(Way, &str)>, after_ms: Option<u64>) -> Judged {
    Judged::Wait {
        location: location.map(|(way, location)| (way, location.to_owned())),
        after_ms,
    }
}

fn fetch(location: &str, status: Option<u16>) -> Judged {
    Judged::Fetch {
        location: location.to_owned(),
        status,
    }
}

#[test]
fn only_an_acceptance_with_a_place_is_followed() {
    let seen = Seen {
        status: 202,
        location: Some("/job/1"),
        retry_after_s: Some(7),
        ..Seen::default()
    };
    assert_eq!(
        accepted(&seen),
        Some(wait(Some((Way::Location, "/job/1")), Some(7_000)))
    );
    let operation = Seen {
        operation_location: Some("/operation/1"),
        ..seen
    };
    assert_eq!(
        accepted(&operation),
        Some(wait(Some((Way::Operation, "/operation/1")), Some(7_000)))
    );
    assert_eq!(accepted(&Seen { location: None, ..seen }), None);
    assert_eq!(accepted(&Seen { status: 201, ..seen }), None);
}

#[test]
fn each_document_is_understood() {
    let cases = [
        (
            Way::Location,
            json!({"status": "Started", "statusCode": 0}),
            wait(None, None),
        ),
        (
            Way::Location,
            json!({"status": "Finished", "statusCode": 400, "hasResponseContent": true, "contentLocation": "https://a/content"}),
            fetch("https://a/content", Some(400)),
        ),
        (
            Way::Operation,
            json!({"status": "Finished", "statusCode": 204}),
            Judged::EndAs(204),
        ),
        (
            Way::Location,
            json!({"status": "Failed", "statusCode": 0, "errorMessage": "no way"}),
            Judged::Failed("The other side accepted the request, and then it was failed there: no way".to_owned()),
        ),
        (
            Way::Location,
            json!({"completed": false, "progress": "pending", "id": "1"}),
            wait(None, None),
        ),
        (
            Way::Location,
            json!({"completed": true, "progress": "succeeded", "task": {"links": [{"rel": "self", "href": "/job/1/task/1"}]}}),
            wait(Some((Way::Location, "/job/1/task/1")), Some(0)),
        ),
        (
            Way::Location,
            json!({"completed": true, "progress": "succeeded", "links": [{"rel": "result", "href": "/job/1/task/1/result"}]}),
            fetch("/job/1/task/1/result", None),
        ),
        (Way::Operation, json!({"status": "Running"}), wait(None, None)),
        (
            Way::Operation,
            json!({"properties": {"provisioningState": "Creating"}}),
            wait(None, None),
        ),
        (
            Way::Operation,
            json!({"status": "succeeded", "resourceLocation": "/thing/1"}),
            fetch("/thing/1", None),
        ),
        (Way::Operation, json!({"status": "Succeeded"}), Judged::End),
        (Way::Operation, json!({"status": "Canceled"}), Judged::End),
        // A resource that happens to have a status is an end like any other.
        (Way::Location, json!({"status": "pending", "number": 7}), Judged::End),
        (Way::Location, json!([1]), Judged::End),
        (Way::Result, json!({"status": "Started", "statusCode": 0}), Judged::End),
    ];
    for (way, document, expected) in cases {
        let seen = Seen {
            status: 200,
            json: Some(&document),
            ..Seen::default()
        };
        assert_eq!(judge(way, &seen), expected, "{document}");
    }
}

#[test]
fn statuses_are_understood() {
    let seen = |status, location| Seen {
        status,
        location,
        ..Seen::default()
    };
    let judged = |status, location| judge(Way::Location, &seen(status, location));
    assert_eq!(judged(202, None), wait(None, None));
    assert_eq!(judged(202, Some("/next")), wait(Some((Way::Location, "/next")), None));
    assert_eq!(judged(303, Some("/result")), fetch("/result", None));
    assert_eq!(
        judged(307, Some("/moved")),
        wait(Some((Way::Location, "/moved")), Some(0))
    );
    for end in [200, 201, 204, 303, 400, 404, 409] {
        assert_eq!(judged(end, None), Judged::End, "{end}");
    }
    assert!(is_trouble(503) && is_trouble(429) && !is_trouble(404) && !is_trouble(200));
}

#[test]
fn waits_grow_and_are_bounded() {
    let waits: Vec<_> = [0, 1, 2, 10, 100].map(|asked| wait_ms(asked, None)).into();
    assert_eq!(waits, [1_000, 1_500, 2_250, 57_654, 60_000]);
    assert_eq!(wait_ms(3, Some(0)), 0);
    assert_eq!(wait_ms(3, Some(u64::MAX)), RETRY_AFTER_MAX_MS);
}
