//! Consents that people of ours give: credentials that they enter, approvals, and what they take back.

use orrery::{
    domain::{integration::ConsentState, rights::Right},
    engine::caller::Caller,
    error::Code,
    http::Auth,
};
use serde_json::json;

use super::fixture::{Scene, begins_at};
use crate::support::postgres::for_each_database;

#[actix_rt::test]
async fn credentials_are_entered_used_replaced_and_taken_back() {
    for_each_database(|url| async move {
        let mut scene = Scene::on(&url).await;
        let asked = scene.consent("Credentials").await;
        assert_eq!(scene.credentials(asked).await.unwrap_err().code, Code::WrongState);
        let bad = scene.act(asked, "Submit", json!({"Username": "u"})).await.unwrap_err();
        assert_eq!(bad.code, Code::Invalid);
        let first = json!({"Username": "ann", "Password": "hunter-2"});
        scene.act(asked, "Submit", first).await.unwrap();
        scene.heard.next("consent.granted", asked.uuid).await;
        assert!(scene.is_live(asked).await);
        let before = scene.credentials(asked).await.unwrap().unwrap();
        assert!(
            matches!(&before.auth, Auth::Basic { username, password } if username == "ann" && password.expose() == "hunter-2")
        );
        scene.act(asked, "Submit", json!({"ApiKey": "k3y-of-ann"})).await.unwrap();
        let after = scene.credentials(asked).await.unwrap().unwrap();
        assert!(matches!(&after.auth, Auth::ApiKey { name, .. } if name == "X-API-Key"));
        assert!(after.version > before.version);
        scene.act(asked, "Revoke", json!({})).await.unwrap();
        scene.heard.next("consent.revoked", asked.uuid).await;
        assert!(!scene.is_live(asked).await);
        assert_eq!(scene.credentials(asked).await.unwrap_err().code, Code::WrongState);
        let row = scene.row(asked).await;
        assert_eq!((row.state.as_str(), row.secrets, row.granted_at), ("Revoked", None, None));
        let again = scene.act(asked, "Revoke", json!({})).await.unwrap_err();
        assert_eq!((again.code, again.message.contains("Revoked now")), (Code::WrongState, true));
        let (actions, audited) = scene.audited(asked).await;
        assert_eq!(actions, ["consent.submit", "consent.submit", "consent.revoke"]);
        assert!(!audited.contains("hunter-2") && !audited.contains("k3y-of-ann"), "{audited}");
    })
    .await;
}

#[actix_rt::test]
async fn a_person_with_the_right_approves_and_refuses() {
    for_each_database(|url| async move {
        let mut scene = Scene::on(&url).await;
        let asked = scene.consent("Manual").await;
        let user = scene
            .test
            .engine
            .store()
            .users(scene.tenant, orrery::store::Page::default())
            .await;
        let user = user.unwrap().items[0].id;
        let person = Caller {
            user_id: Some(user),
            rights: Right::IntegrationsManage.into(),
            ..scene.caller()
        };
        let token = Caller {
            is_part: true,
            ..person.clone()
        };
        let stranger = Caller {
            rights: Right::CallsRead.into(),
            ..person.clone()
        };
        for action in ["Approve", "Refuse"] {
            let error = scene.act_as(&token, asked, action, json!({})).await.unwrap_err();
            assert_eq!(error.code, Code::Forbidden);
            assert!(error.message.contains("not with an API token"), "{}", error.message);
            let error = scene.act_as(&stranger, asked, action, json!({})).await.unwrap_err();
            assert_eq!(error.code, Code::Forbidden);
            assert!(error.message.contains("integrations.manage"), "{}", error.message);
        }
        let reason = json!({"Detail": "Not before the audit"});
        scene.act_as(&person, asked, "Refuse", reason).await.unwrap();
        let event = scene.heard.next("consent.refused", asked.uuid).await;
        assert_eq!(event.data["detail"], "Not before the audit");
        assert_eq!(scene.row(asked).await.detail.as_deref(), Some("Not before the audit"));
        assert!(!scene.is_live(asked).await);
        scene.act_as(&person, asked, "Approve", json!({})).await.unwrap();
        let row = scene.row(asked).await;
        assert_eq!((row.state.as_str(), row.granted_by), ("Granted", Some(user.uuid())));
        assert_eq!((row.granted_at, row.detail), (Some(begins_at().as_microsecond()), None));
        assert!(scene.is_live(asked).await);
        assert!(
            scene.credentials(asked).await.unwrap().is_none(),
            "an approval gives no credentials"
        );
        let again = scene.act_as(&person, asked, "Approve", json!({})).await.unwrap_err();
        assert_eq!(again.code, Code::WrongState);
        // Beginning again leaves a grant as it is.
        let before = scene.row(asked).await;
        scene.act_as(&token, asked, "Begin", json!({})).await.unwrap();
        assert_eq!(scene.row(asked).await, before);
        scene.act_as(&token, asked, "Revoke", json!({})).await.unwrap();
        scene.act_as(&token, asked, "Begin", json!({})).await.unwrap();
        assert_eq!(scene.state(asked).await, ConsentState::Pending);
        let (actions, audited) = scene.audited(asked).await;
        let expected = ["refuse", "approve", "revoke", "begin"].map(|action| format!("consent.{action}"));
        assert_eq!(actions, expected);
        assert!(audited.contains(&user.to_string()), "{audited}");
    })
    .await;
}

#[actix_rt::test]
async fn actions_of_another_type_say_what_to_do_instead() {
    let scene = Scene::start().await;
    for (kind, action, said) in [
        ("Manual", "Submit", "uses Approve or Refuse"),
        ("OAuth2", "Approve", "follows its AuthorizeUrl"),
        ("Credentials", "Approve", "entered with Submit"),
    ] {
        let asked = scene.consent(kind).await;
        let body = if action == "Submit" {
            json!({"Token": "t"})
        } else {
            json!({})
        };
        let error = scene.act(asked, action, body).await.unwrap_err();
        assert_eq!(error.code, Code::WrongState);
        assert!(error.message.contains(said), "{}", error.message);
        assert_eq!(
            scene.act(asked, "Erase", json!({})).await.unwrap_err().code,
            Code::NotFound
        );
        assert_eq!(scene.state(asked).await, ConsentState::Pending);
    }
}
