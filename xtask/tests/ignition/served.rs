//! `ignition serve`, started as a person does and ended with Ctrl-C.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use remote::{Agent, Limits};
use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox;

#[test]
fn it_serves_the_site_until_it_is_ended() {
    let sandbox = sandbox();
    sandbox.run(&["ignition", "site"]).expect(0);
    let mut child = sandbox
        .command(&["ignition", "serve", "--address", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The answer: the page's address, then the command that installs.
    let mut answer = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    let url = line.trim_end_matches(['/', '\n']).to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let agent = Agent::new(Limits::default());
    let get = |path: &str| remote::fetch::bytes(&agent, &format!("{url}{path}")).unwrap();
    let page = String::from_utf8(get("/").unwrap()).unwrap();
    assert!(
        page.contains(&format!("--ignition-url {url}/machine.ign")),
        "{page}"
    );
    let served = get("/machine.ign").unwrap();
    assert_eq!(served, sandbox.read("target/site/machine.ign").into_bytes());
    assert_eq!(get("/image.yaml"), None);
    assert_eq!(get("/examples/small.ign"), None);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    answer.read_to_string(&mut rest).unwrap();
    assert!(
        rest.starts_with("sudo coreos-installer install /dev/sdX \\\n"),
        "{rest}"
    );
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    assert!(log.contains("this machine only"), "{log}");
    assert!(
        log.contains("Answered 200 GET /machine.ign to 127.0.0.1"),
        "{log}"
    );
    assert!(
        log.contains("Answered 404 GET /image.yaml to 127.0.0.1"),
        "{log}"
    );
}

#[test]
fn an_address_that_is_none() {
    let outcome = sandbox().run(&["ignition", "serve", "--address", "nowhere"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("`nowhere` is not ADDRESS"),
        "{outcome:?}"
    );
}
