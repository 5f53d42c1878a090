//! A fault at every step in turn. After each, `stable` names the old image;
//! after the next run, the new one.

use super::sandbox::{PUBLISH, REPOSITORY, Sandbox};

const CONTRACT: &str = "*KERNEL_VERSION*--entrypoint*";
const TRUST: &str = r"*--network=none*--pull=never\ --entrypoint*";
const HOST: &str = "*--network=host*";
const READ_BACK: &str = "image*inspect*";

/// One fault: what is done before the run, how it must end, what it must say.
struct Fault {
    name: &'static str,
    code: i32,
    says: &'static str,
    plant: fn(&mut Sandbox),
    mend: fn(&mut Sandbox),
}

fn restart(sandbox: &mut Sandbox) {
    sandbox.start_registry("");
}

fn nothing(_: &mut Sandbox) {}

const FAULTS: &[Fault] = &[
    Fault {
        name: "the key is not there",
        code: 1,
        says: "file:cosign.key is not there",
        plant: |sandbox| std::fs::rename(sandbox.path("cosign.key"), sandbox.path("away")).unwrap(),
        mend: |sandbox| std::fs::rename(sandbox.path("away"), sandbox.path("cosign.key")).unwrap(),
    },
    Fault {
        name: "another key",
        code: 1,
        says: "is not the public half of the private key",
        plant: |sandbox| {
            std::fs::rename(sandbox.path("cosign.key"), sandbox.path("away")).unwrap();
            sandbox.other_key();
        },
        mend: |sandbox| std::fs::rename(sandbox.path("away"), sandbox.path("cosign.key")).unwrap(),
    },
    Fault {
        name: "the contract does not hold",
        code: 1,
        says: "error: contract: all: expected a, found b",
        plant: |sandbox| {
            sandbox.contract("printf 'FAIL\\tall\\ta\\tb\\nend\\t1 checks, 1 failed\\n'\nexit 1\n");
        },
        mend: |sandbox| sandbox.good_contract(),
    },
    Fault {
        name: "the registry dies before the push",
        code: 1,
        says: "podman push",
        plant: |sandbox| sandbox.hook("push*", &sandbox.kill_registry()),
        mend: restart,
    },
    Fault {
        name: "no room in the registry for a layer",
        code: 1,
        says: "podman push",
        plant: |sandbox| {
            // A new layer of more than a file of the registry may have.
            sandbox.write(
                "containerfiles/custom-coreos/rootfs/usr/share/noise",
                &noise(),
            );
            sandbox.start_registry("ulimit -f 64;");
        },
        mend: restart,
    },
    Fault {
        name: "another run pushes its candidate first",
        code: 1,
        says: "another image than the one built here",
        plant: |sandbox| {
            let evil = format!(
                "cp -r {0}/stable {0}/candidate.new; rm -r {0}/candidate; mv {0}/candidate.new {0}/candidate",
                sandbox
                    .stored(&format!("{REPOSITORY}/_manifests/tags"))
                    .display()
            );
            sandbox.hook(READ_BACK, &evil);
        },
        mend: nothing,
    },
    Fault {
        name: "the registry dies before the read back",
        code: 3,
        says: "could not find out",
        plant: |sandbox| sandbox.hook(READ_BACK, &sandbox.kill_registry()),
        mend: restart,
    },
    Fault {
        name: "the image's policy is not the one of rootfs",
        code: 1,
        says: "demands no signature",
        plant: |sandbox| {
            let file = "containerfiles/custom-coreos/Containerfile";
            let text = sandbox.read(file);
            let open = "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}";
            sandbox.write(
                file,
                &format!("{text}RUN [\"/bin/bash\", \"-c\", \"printf '%s' '{}' >/etc/containers/policy.json\"]\n", open.replace('"', "\\\"")),
            );
        },
        mend: |sandbox| {
            let file = "containerfiles/custom-coreos/Containerfile";
            let text = sandbox.read(file);
            let (kept, _) = text.split_once("RUN ").unwrap();
            sandbox.write(file, kept);
        },
    },
    Fault {
        name: "the signature is deleted before the host's look",
        code: 1,
        says: "would not take",
        plant: |sandbox| {
            // The newest one.
            let script = format!(
                "cd {}; set -- $(ls -dt sha256-*.sig); rm -r \"$1\"",
                sandbox
                    .stored(&format!("{REPOSITORY}/_manifests/tags"))
                    .display()
            );
            sandbox.hook(TRUST, &format!("({script})"));
        },
        mend: nothing,
    },
    Fault {
        name: "the registry dies before the host's look",
        code: 3,
        says: "could not find out",
        plant: |sandbox| {
            let call = if sandbox.second_opinion() {
                HOST
            } else {
                TRUST
            };
            sandbox.hook(call, &sandbox.kill_registry());
        },
        mend: restart,
    },
    Fault {
        name: "the engine cannot run the contract",
        code: 1,
        says: "error: contract: it did not come to its end",
        plant: |sandbox| sandbox.hook(CONTRACT, "exit 125"),
        mend: nothing,
    },
];

/// Incompressible enough: a compressed layer of more than 32 KiB.
fn noise() -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut text = String::new();
    for _ in 0..40_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
    }
    text
}

#[test]
fn a_fault_at_every_step() {
    let Some(mut sandbox) = Sandbox::new() else {
        return;
    };
    let mut rows = Vec::new();
    for fault in FAULTS {
        let before = sandbox.digest("stable").unwrap();
        (fault.plant)(&mut sandbox);
        let outcome = sandbox.run(&PUBLISH);
        sandbox.unhook();
        let story = outcome.text.clone();
        (fault.mend)(&mut sandbox);
        let now = sandbox.invariant(&before, fault.name);
        assert_eq!(now, before, "{}: stable moved; {story}", fault.name);
        // To the image's own skopeo, a dead registry is one more refusal.
        let judged = sandbox.second_opinion() && fault.name.contains("host's look");
        let (code, says) = match judged {
            true => (1, "would not take"),
            false => (fault.code, fault.says),
        };
        assert!(story.contains(says), "{}: {story}", fault.name);
        outcome.expect(code);
        sandbox.run(&PUBLISH).expect(0);
        let next = sandbox.invariant(&before, fault.name);
        assert_ne!(next, before, "{}: the next run publishes", fault.name);
        rows.push(format!("{}: {}", fault.name, fault.says));
    }
    println!("{}", rows.join("\n"));
}

pub fn a_wrong_password_is_told_before_the_build(sandbox: &Sandbox) {
    let before = sandbox.digest("stable").unwrap();
    let story = sandbox.run_with(&PUBLISH, "wrong").expect(1);
    assert!(story.contains("the password is wrong"), "{story}");
    assert!(!story.contains("podman build"), "{story}");
    assert!(
        !story.contains("correct horse") && !story.contains("BEGIN"),
        "{story}"
    );
    let story = sandbox.run_with(&PUBLISH, "").expect(1);
    assert!(story.contains("none was given"), "{story}");
    assert_eq!(sandbox.digest("stable").unwrap(), before);
}

/// The registry dies as the program begins an act that needs no engine. How far
/// it got is not known; what `stable` names is.
#[test]
fn the_registry_dies_at_any_act() {
    use std::io::{BufRead as _, BufReader};
    let Some(mut sandbox) = Sandbox::new() else {
        return;
    };
    for act in [
        "measure ", "sign ", "name ", "promote ", "confirm ", "history ",
    ] {
        let before = sandbox.digest("stable").unwrap();
        let mut child = sandbox.start(&PUBLISH);
        let story = BufReader::new(child.stdout.take().unwrap());
        for line in story.lines() {
            if line.unwrap().starts_with(act) {
                sandbox.stop_registry();
            }
        }
        let code = child.wait().unwrap().code();
        sandbox.start_registry("");
        let now = sandbox.invariant(&before, act);
        // It may have been quicker than the registry's death; then all is done.
        assert!(code != Some(0) || now != before, "{act}: it claims success");
        // What was published is published, whoever can write it down.
        assert!(act != "history " || code == Some(0), "{act}: {code:?}");
        sandbox.run(&PUBLISH).expect(0);
        assert_ne!(sandbox.invariant(&before, act), before);
    }
}
