//! The known ways of telling the end, by example.

use serde_json::json;

use super::*;

fn wait(location: Option<(Way, &str)>, after_ms: Option<u64>) -> Judged {
    Judged::Wait {
        location: location.map(|(way, location)| (way, location.to_owned())),
        after_ms,
    }
}

fn hop(location: &str) -> Judged {
    Judged::Hop {
        way: Way::Location,
        location: location.to_owned(),
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
            hop("/job/1/task/1"),
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
    assert_eq!(judged(307, Some("/moved")), hop("/moved"));
    for end in [200, 201, 204, 303, 400, 404, 409] {
        assert_eq!(judged(end, None), Judged::End, "{end}");
    }
}

#[test]
fn waits_grow_and_are_bounded() {
    let waits: Vec<_> = [0, 1, 2, 10, 100].map(|asked| wait_ms(asked, None)).into();
    assert_eq!(waits, [1_000, 1_500, 2_250, 57_654, 60_000]);
    assert_eq!(wait_ms(3, Some(0)), 1_000, "who asks to be asked at once, is not");
    assert_eq!(wait_ms(3, Some(u64::MAX)), RETRY_AFTER_MAX_MS);
}

#[test]
fn places_are_asked_at_once_a_few_times_only() {
    let mut pace = Pace::default();
    for _ in 0..2 {
        for hop in 0..HOPS_MAX {
            assert!(pace.hop(), "{hop}");
        }
        // A wait lets them begin anew.
        assert!(pace.wait_ms(None) > 1_000);
    }
    let hops = (0..=HOPS_MAX).map(|_| pace.hop()).filter(|may| *may).count();
    assert_eq!(hops, usize::try_from(HOPS_MAX).unwrap());
}

#[test]
fn trouble_is_not_the_end_but_for_what_stays() {
    let day_ms = 86_400_000;
    for status in [408, 425, 429, 502, 503, 504] {
        let mut pace = Pace::default();
        assert!([0, TROUBLE_MS, day_ms].map(|now_ms| pace.is_trouble(Way::Location, status, now_ms)) == [true; 3]);
        let mut pace = Pace::default();
        let result = [7, 7 + TROUBLE_MS - 1, 7 + TROUBLE_MS].map(|now_ms| pace.is_trouble(Way::Result, status, now_ms));
        assert_eq!(result, [true, true, false], "{status}");
    }
    let mut pace = Pace::default();
    assert!(pace.is_trouble(Way::Operation, 500, 0));
    assert!(!pace.is_trouble(Way::Operation, 200, 1));
    assert!(
        pace.is_trouble(Way::Operation, 500, TROUBLE_MS),
        "it answered meanwhile"
    );
    assert!(!pace.is_trouble(Way::Operation, 500, 2 * TROUBLE_MS));
    assert!(!pace.is_trouble(Way::Result, 404, 0));
}
