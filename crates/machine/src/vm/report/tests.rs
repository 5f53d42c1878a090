use super::*;

const ID: &str = "0123456789ab";

/// A report as `probe.sh` sends it; the other test of it runs the script.
fn sent(text: &str, tag: &str) -> String {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = STANDARD.encode(gzip.finish().unwrap());
    let lines: Vec<&str> = packed
        .as_bytes()
        .chunks(72)
        .map(|chunk| std::str::from_utf8(chunk).unwrap())
        .collect();
    let sum = sha256(format!("{}\n", lines.join("\n")).as_bytes());
    let mut once = format!("\r\n{MARK}begin {ID} {tag}\r\n");
    for (at, line) in lines.iter().enumerate() {
        let number = at + 1;
        let check = &sha256(format!("{number} {line}").as_bytes())[..8];
        once.push_str(&format!(
            "{MARK}line {ID} {tag} {number} {check} {line}\r\n"
        ));
    }
    let total = lines.len();
    once.push_str(&format!("{MARK}end {ID} {tag} {total} {sum}\r\n"));
    once.repeat(2)
}

fn text(boot: &str) -> String {
    let mut text = format!("system\tboot-id\t{boot}\nhost\tname\tnas\n");
    for at in 0..200 {
        let value = sha256(format!("{at}").as_bytes());
        text.push_str(&format!("file /f{at}\tsha256\t{value}\n"));
    }
    text
}

#[test]
fn a_report_is_read_among_other_lines() {
    let log = format!(
        "[    0.1] Linux\n{}\n[  OK  ] Reached\n",
        sent(&text("a"), "a")
    );
    let findings = read(&log, ID).unwrap();
    assert_eq!(findings.get("host", "name"), Some("nas"));
    assert_eq!(findings.of("file /f7").count(), 1);
    assert_eq!(Findings::parse(&findings.text()).unwrap(), findings);
}

#[test]
fn a_line_that_another_writer_cut_is_taken_from_the_second_copy() {
    let log = sent(&text("a"), "a");
    let lines: Vec<&str> = log.lines().collect();
    let half = lines.len() / 2;
    // Before, within, and instead of a line, in the first copy and in the other.
    for at in [2, half - 1, half + 3] {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let cut = lines[at].len() / 2;
        lines[at].insert_str(cut, "[   12.345678] usb 1-1: new device\r\n");
        lines[at].insert_str(0, "[   12.345600] x ");
        let log = lines.join("\n");
        assert_eq!(
            read(&log, ID).unwrap().get("host", "name"),
            Some("nas"),
            "{at}"
        );
    }
}

#[test]
fn a_torn_report_is_none() {
    let log = sent(&text("a"), "a");
    let lines: Vec<&str> = log.lines().collect();
    let total = lines.iter().filter(|l| l.contains(" line ")).count() / 2;
    // A line that is lost in both copies.
    let lost = log.replace(lines[4], "").replace(lines[4].trim(), "");
    assert_eq!(
        read(&lost, ID),
        Err(NoReport::Torn {
            have: total - 1,
            of: total
        })
    );
    // The machine died while it spoke.
    for upto in [2, 5, total] {
        let cut = lines[..upto].join("\n");
        let error = read(&cut, ID).unwrap_err();
        assert!(matches!(error, NoReport::Torn { of: 0, .. }), "{error:?}");
        assert!(error.to_string().contains("the guest did not report"));
    }
    // A sum that is not that of the lines.
    let wrong = log.replace(&format!(" {total} "), &format!(" {} ", total + 1));
    assert!(matches!(read(&wrong, ID), Err(NoReport::Torn { .. })));
}

#[test]
fn silence_is_no_report() {
    for log in [
        "",
        "[  0.0] Linux\n",
        "custom-coreos-vm \ncustom-coreos-vm x\n",
    ] {
        assert_eq!(read(log, ID), Err(NoReport::Nothing), "{log:?}");
    }
    let other = sent(&text("a"), "a").replace(ID, "ffffffffffff");
    assert_eq!(
        read(&other, ID),
        Err(NoReport::OfAnother("ffffffffffff".to_owned()))
    );
    for nonsense in ["", "host\tname\tnas\n", "system\tboot-id\ta\nno fields\n"] {
        let error = read(&sent(nonsense, "a"), ID).unwrap_err();
        assert!(matches!(error, NoReport::Garbled(_)), "{error:?}");
    }
}

#[test]
fn the_last_boot_counts_even_if_it_is_torn() {
    let first = sent(&text("a"), "a");
    let second = sent(&text("b"), "b");
    let both = format!("{first}{second}");
    assert_eq!(read(&both, ID).unwrap().get("system", "boot-id"), Some("b"));
    let cut = format!("{first}{}", &second[..second.len() / 3]);
    assert!(matches!(read(&cut, ID), Err(NoReport::Torn { .. })));
}
