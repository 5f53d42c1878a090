//! With buildah a script runs in a container that has a name, and two builds at
//! once have two.

use super::support::{Sandbox, steady};

/// The names that the containers of a run were given, each with its verb.
fn containers(sandbox: &Sandbox) -> Vec<String> {
    let log = sandbox.engine_log();
    let names = log.iter().flat_map(|line| {
        let words = line
            .split(' ')
            .map(|word| word.trim_start_matches("--name="));
        words.filter(|word| word.starts_with("custom-coreos-contract-"))
    });
    names.map(str::to_owned).collect()
}

#[test]
fn each_run_has_a_container_of_its_own_and_the_plan_none_of_them() {
    let sandbox = Sandbox::new();
    sandbox.tool("buildah");
    sandbox.on("from", "");
    sandbox.on("rm", "");
    let build = ["build", "--force", "a test", "--engine", "buildah"];
    let dry = sandbox
        .run(&[&build[..], &["--dry-run"]].concat())
        .expect(0);
    assert!(dry.contains("buildah from --name=custom-coreos-contract-RUN "));
    let mut runs = Vec::new();
    for _ in 0..2 {
        sandbox.write("log", "");
        let whole = [&build[..], &["--verbose"]].concat();
        assert_eq!(steady(&sandbox.run(&whole).expect(0)), steady(&dry));
        let names = containers(&sandbox);
        // Made, used, removed.
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
        assert!(!names[0].contains("RUN"), "{names:?}");
        runs.push(names[0].clone());
    }
    assert_ne!(runs[0], runs[1]);
}
