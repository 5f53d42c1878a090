//! Checks of more than one field, one by one.

use super::*;
use crate::vm::judge::luks;

/// What an enabled unit is seen to do, by its type.
#[test]
fn active_is_what_the_type_makes_of_it() {
    let verdict = |unit: &str, fields: &str| {
        let wanted =
            expectations(&json!({ "systemd": { "units": [{ "name": unit, "enabled": true }] } }));
        let mut found = Findings::default();
        found.set("system", "targets", "multi-user.target");
        for pair in fields.split_whitespace() {
            let (field, value) = pair.split_once('=').unwrap();
            found.set(&format!("unit {unit}"), field, value);
        }
        let rows = judge(Boot::First, &wanted, &found, None);
        let row = rows.into_iter().find(|row| row.aspect == "active").unwrap();
        (row.verdict, row.found)
    };
    use Verdict::{Broken, Holds, NotJudged};
    let once =
        "LoadState=loaded Type=oneshot RemainAfterExit=no ActiveState=inactive Result=success";
    for (unit, fields, expected) in [
        ("a.service", "LoadState=loaded ActiveState=active SubState=running".to_owned(), Holds),
        ("a.timer", "LoadState=loaded ActiveState=active SubState=waiting".to_owned(), Holds),
        ("a.service", format!("{once} ExecMainExitTimestampMonotonic=9 ExecMainStatus=0"), Holds),
        ("a.service", format!("{once} ExecMainExitTimestampMonotonic=9 ExecMainStatus=1"), Broken),
        ("a.service", format!("{once} ExecMainExitTimestampMonotonic=0 WantedBy=multi-user.target"), Broken),
        ("a.service", format!("{once} ConditionResult=no ConditionTimestampMonotonic=5"), NotJudged),
        ("a.service", format!("{once} ConditionResult=no ConditionTimestampMonotonic=0 WantedBy=multi-user.target"), Broken),
        ("a.service", format!("{once} WantedBy=graphical.target"), NotJudged),
        // Such a one stays active after its end.
        ("a.service", once.replace("Exit=no", "Exit=yes") + " ExecMainExitTimestampMonotonic=9 ExecMainStatus=0", Broken),
        ("a.service", "LoadState=loaded Type=simple ActiveState=inactive Result=success ExecMainExitTimestampMonotonic=9 ExecMainStatus=0".to_owned(), Broken),
        ("a.service", "LoadState=loaded ActiveState=activating SubState=auto-restart Result=exit-code".to_owned(), Broken),
        ("a.path", "LoadState=loaded ActiveState=inactive Result=success".to_owned(), Broken),
        ("a.service", "LoadState=not-found ActiveState=inactive".to_owned(), Broken),
    ] {
        assert_eq!(verdict(unit, &fields).0, expected, "{unit} {fields}: {:?}", verdict(unit, &fields));
    }
    assert_eq!(verdict("a.service", "").1, SILENT);
}

#[test]
fn mount_options_are_the_kernels_words() {
    let verdict = |wanted: &str, shown: &str| {
        let options: Vec<String> = wanted.split(',').map(str::to_owned).collect();
        let mut findings = Findings::default();
        findings.set("mount /x", "options", shown);
        let evidence = Evidence {
            findings: &findings,
            earlier: None,
        };
        evidence.options("mount /x", &options).verdict
    };
    for (wanted, shown, expected) in [
        (
            "noatime,compress=zstd",
            "rw,noatime,compress=zstd:3",
            Verdict::Holds,
        ),
        ("discard", "rw,discard=async", Verdict::Holds),
        ("subvol=data", "rw,subvol=/data", Verdict::Holds),
        ("subvol=data", "rw,subvol=/", Verdict::Broken),
        ("compress=zstd", "rw,compress=zstdx", Verdict::Broken),
        ("compress=zstd:3", "rw,compress=zstd:1", Verdict::Broken),
        ("noatime", "rw,relatime", Verdict::Broken),
        ("ro", "rw", Verdict::Broken),
        (
            "defaults,nofail,x-systemd.device-timeout=5",
            "rw",
            Verdict::NotJudged,
        ),
        ("nofail,noexec", "rw", Verdict::Broken),
        ("exec,nofail", "rw", Verdict::Holds),
        ("exec", "rw,noexec", Verdict::Broken),
    ] {
        assert_eq!(verdict(wanted, shown), expected, "{wanted} of {shown}");
    }
}

#[test]
fn a_pin_bound_to_registers_is_another() {
    let jwe = |pcrs: &str| {
        let inner = json!({ "clevis": { "pin": "tpm2", "tpm2": { "pcr_ids": pcrs } } });
        let protected = URL_SAFE_NO_PAD.encode(inner.to_string());
        json!({ "keyslots": { "1": {}, "0": {} }, "tokens": { "0": { "type": "clevis",
            "keyslots": ["1"], "jwe": { "protected": protected } } } })
        .to_string()
    };
    let pins = ClevisPins {
        tpm2: true,
        threshold: 1,
        ..ClevisPins::default()
    };
    assert_eq!(luks::clevis(&pins, Some(&jwe(""))).verdict, Verdict::Holds);
    let bound = luks::clevis(&pins, Some(&jwe("7")));
    assert_eq!(
        (bound.verdict, &bound.found[..]),
        (Verdict::Broken, "tpm2, PCR 7")
    );
    assert_eq!(luks::clevis(&pins, Some("{}")).found, "no clevis token");
    assert_eq!(luks::clevis(&pins, None).verdict, Verdict::Broken);
    // Where a second slot opens it, nobody knows which one did.
    let on = Some("/dev/vdb1");
    let opened = luks::opened(Some(&jwe("")), on, on);
    assert_eq!(
        (opened.verdict, &opened.found[..]),
        (Verdict::NotJudged, "open; slot 0 opens it, too")
    );
}

#[test]
fn other_servers_and_another_threshold_are_other_locks() {
    let pins = |tpm2: bool, tang: &[&str], threshold: u64| ClevisPins {
        tpm2,
        tang: tang.iter().map(ToString::to_string).collect(),
        threshold,
    };
    let both = pins(true, &["http://a", "http://b"], 2);
    for (found, expected) in [
        (both.clone(), Verdict::Holds),
        (pins(true, &["http://b", "http://a"], 2), Verdict::Holds),
        (pins(true, &["http://a", "http://c"], 2), Verdict::Broken),
        (pins(true, &["http://a"], 2), Verdict::Broken),
        (pins(false, &["http://a", "http://b"], 2), Verdict::Broken),
        // One of them would be enough.
        (pins(true, &["http://a", "http://b"], 1), Verdict::Broken),
    ] {
        let said = luks::clevis(&both, Some(&header(&found, &["1"])));
        assert_eq!(said.verdict, expected, "{}", said.found);
    }
}
