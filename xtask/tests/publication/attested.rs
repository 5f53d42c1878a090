//! `attestation: required`: no tag moves before the forge has one.

use std::path::PathBuf;

use remote::loopback::Reply;
use serde_json::json;

use super::sandbox::{PUBLISH, REPOSITORY, Sandbox};

/// What GitHub has of a digest from now on.
fn attestations(sandbox: &Sandbox, digest: &str, status: u16, count: usize) {
    let body = json!({"attestations": vec![json!({"bundle": {}}); count]});
    let path = format!("/github/repos/someone/image/attestations/{digest}");
    let reply = Reply::new(status, "application/json", body.to_string());
    sandbox.upstream().answer(&path, reply);
}

#[test]
fn no_tag_moves_without_the_attestation_that_is_required() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let first = sandbox.digest("stable").unwrap();
    let yaml = sandbox.read("image.yaml");
    let mut config: serde_yaml::Value = serde_yaml::from_str(&yaml).unwrap();
    config["attestation"] = "required".into();
    config["forge"] = serde_yaml::from_str("{kind: github, repository: someone/image}").unwrap();
    sandbox.write("image.yaml", &serde_yaml::to_string(&config).unwrap());
    sandbox.environment(&[("GITHUB_TOKEN", PathBuf::from("a-token"))]);

    // In one go there is nothing in between that could attest.
    let story = sandbox.run(&PUBLISH).expect(2);
    assert!(story.contains("could only publish without one"), "{story}");

    sandbox.run(&["resolve", "-o", "lock.json"]).expect(0);
    let push = ["build", "--push", "--locked", "lock.json", "--force=a test"];
    sandbox.run(&push).expect(0);
    let digest = sandbox.digest("candidate").unwrap();
    assert_ne!(digest, first);
    let image = format!("{REPOSITORY}@{digest}");
    let publish = ["publish", &image, "--locked", "lock.json"];

    // It was not asked: that is no answer.
    attestations(&sandbox, digest.as_str(), 503, 0);
    let story = sandbox.run(&publish).expect(3);
    assert!(story.contains("could not ask for attestations"), "{story}");
    // It has none.
    attestations(&sandbox, digest.as_str(), 200, 0);
    let story = sandbox.run(&publish).expect(4);
    assert!(story.contains("no attestation"), "{story}");
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&first));

    attestations(&sandbox, digest.as_str(), 200, 1);
    let story = sandbox.run(&publish).expect(0);
    assert!(story.contains("1 attestation"), "{story}");
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&digest));

    // The way back is open to the same images only.
    let image = format!("{REPOSITORY}@{first}");
    attestations(&sandbox, first.as_str(), 404, 0);
    sandbox.run(&["promote", &image]).expect(4);
    assert_eq!(sandbox.digest("stable").as_ref(), Some(&digest));
    attestations(&sandbox, first.as_str(), 200, 2);
    let story = sandbox.run(&["promote", &image]).expect(0);
    assert!(story.contains("2 attestations"), "{story}");
    assert_eq!(sandbox.digest("stable"), Some(first));
}
