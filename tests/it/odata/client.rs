//! Somebody else's client library, in a process of its own.

use std::process::Command;

use super::fixture::filled;

/// Ends so where Python or its packages cannot be had.
const UNAVAILABLE: i32 = 77;

#[actix_rt::test]
async fn a_client_that_knows_odata_and_nothing_else_gets_on() {
    let directory = tempfile::tempdir().unwrap();
    // Only the engine makes items: they are there before.
    let test = filled(&format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display()))
        .await
        .test;
    let token = test.api.headers().iter().find(|(name, _)| name == "authorization");
    let token = token.unwrap().1.strip_prefix("Bearer ").unwrap().to_owned();
    let url = format!("http://{}/OData/", test.api.address);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/odata/client.sh");
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/odata-client");
    let run = move || {
        Command::new("sh")
            .args([script, folder, &url, &token])
            .output()
            .unwrap()
    };
    let done = tokio::task::spawn_blocking(run).await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.code() == Some(UNAVAILABLE) {
        let text = format!("SKIPPED the OData client: {said}");
        assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{text}");
        eprintln!("{text}");
        return;
    }
    assert!(done.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&done.stdout).contains("all done"));
}
