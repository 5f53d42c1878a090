//! `night install`: nights that a systemd timer starts, on a machine that was off at the
//! time.

use super::machine::Machine;
use super::night::alone;
use super::sandbox::{REPOSITORY, Sandbox};

const CHECKOUT: &str = "/srv/checkout";
const NIGHT: &str = "custom-coreos-night";
/// Of the machine's own state folder, which the unit asks systemd for.
const STATE: &str = "/var/lib/custom-coreos/ghcr.io-someone-custom-coreos";

#[test]
fn a_timer_that_was_missed_starts_the_night() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    alone(&sandbox);
    sandbox.write("password", sandbox.password());
    std::fs::copy(env!("CARGO_BIN_EXE_xtask"), sandbox.path("xtask")).unwrap();
    let (checkout, storage) = (sandbox.path(""), sandbox.path("engine"));
    std::fs::create_dir(&storage).unwrap();
    let volumes = [
        (checkout.as_path(), CHECKOUT),
        (storage.as_path(), "/var/lib/containers"),
    ];
    let Some(machine) = Machine::boot(sandbox.sh(), &volumes) else {
        return;
    };
    machine.set_up_engine(&sandbox.read("registries.conf"));
    let password = format!("--credential=KEY_PASSWORD={CHECKOUT}/password");
    let install = ["./xtask", "night", "install", "--system", &password];
    let story = machine.run(CHECKOUT, &install).expect(0);
    assert!(story.contains(&format!("{NIGHT}.timer")), "{story}");
    machine.be_punctual(NIGHT);

    let before = sandbox.digest("stable").unwrap();
    let (result, code, journal) = machine.was_off(NIGHT);
    assert_eq!(
        (result.as_str(), code.as_str()),
        ("success", "10"),
        "{journal}"
    );
    assert!(journal.contains("unchanged"), "{journal}");
    assert_eq!(sandbox.digest("stable").unwrap(), before);

    // Another image, of the same inputs.
    let text = sandbox.read("image.yaml");
    let other = text.replace("title: ", "title: Other ");
    assert_ne!(text, other);
    sandbox.write("image.yaml", &other);
    let (result, code, journal) = machine.was_off(NIGHT);
    assert_eq!(
        (result.as_str(), code.as_str()),
        ("success", "0"),
        "{journal}"
    );
    let published = sandbox.digest("stable").unwrap();
    assert_ne!(published, before);
    assert!(
        journal.contains(&format!("{REPOSITORY}@{published}")),
        "{journal}"
    );

    sandbox.contract("printf 'FAIL\\tall\\ta\\tb\\nend\\t1 checks, 1 failed\\n'\nexit 1\n");
    sandbox.write("image.yaml", &text);
    let (result, _, journal) = machine.was_off(NIGHT);
    assert_eq!(result, "exit-code", "{journal}");
    assert_eq!(sandbox.digest("stable").unwrap(), published);
    let alarm = machine.run("/", &["cat", &format!("{STATE}/alarm.md")]);
    let alarm = alarm.expect(0);
    assert!(alarm.contains("# Alarm: contract (build-"), "{alarm}");
    assert!(!journal.contains(sandbox.password()), "a secret");

    sandbox.good_contract();
    let (result, code, journal) = machine.was_off(NIGHT);
    assert_eq!(
        (result.as_str(), code.as_str()),
        ("success", "0"),
        "{journal}"
    );
    assert_ne!(sandbox.digest("stable").unwrap(), published);
    assert!(journal.contains("all is well again"), "{journal}");

    let uninstall = ["./xtask", "night", "uninstall", "--system"];
    machine.run(CHECKOUT, &uninstall).expect(0);
    let gone = machine.property(&format!("{NIGHT}.service"), "LoadState");
    assert_eq!(gone, "not-found");
}
