//! The machines' configuration: the compiler's command line, our sources, the
//! lints, and what is published, each through the program itself.
#![allow(clippy::unwrap_used, reason = "the helpers here are part of the tests")]

mod apply;
mod butane;
mod lints;
mod published;
mod served;
#[path = "../skip/mod.rs"]
mod skip;
mod sources;
#[path = "../support/mod.rs"]
mod support;

use support::Sandbox;

const MACHINE: &str = include_str!("data/machine.bu");

/// A checkout with `machine.bu`, an example and local files.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    std::fs::remove_file(sandbox.path("ignition/nas.bu")).unwrap();
    sandbox.write("ignition/machine.bu", MACHINE);
    sandbox.write(
        "ignition/examples/small.bu",
        "variant: fcos\nversion: 1.6.0\n",
    );
    let long: String = (0..500).map(|line| format!("line {line}\n")).collect();
    sandbox.write("ignition/files/long.conf", &long);
    sandbox.write("ignition/files/tree/bin/run", "#!/bin/sh\n");
    sandbox.write("ignition/files/tree/note", "a note\n");
    sandbox.on(
        "log",
        "echo 0123456789abcdef0123456789abcdef01234567 2026-11-23T10:00:00+01:00",
    );
    sandbox
}

/// The same with other words in `image.yaml`.
fn with_config(sandbox: &Sandbox, edit: impl FnOnce(&mut image_config::Config)) {
    let path = sandbox.path("image.yaml");
    let mut config = image_config::Config::load(&path).unwrap();
    edit(&mut config);
    sandbox.write("image.yaml", &serde_yaml::to_string(&config).unwrap());
}
