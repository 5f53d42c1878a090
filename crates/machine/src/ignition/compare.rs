//! `ignition compare`: what is published, held against this checkout.

use host::Done;
use image_build::gather::World;
use image_config::Url;
use remote::{Agent, Limits};
use serde::Serialize;

use super::site_folder::{first, site};
use crate::error::Error;
use crate::ignition::{
    diff::differences,
    site::{Published, home},
};

/// What was found at a URL.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Compared {
    file: String,
    url: String,
    verdict: Verdict,
    differences: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// Byte for byte.
    Equal,
    /// Other bytes that configure the same; a `--ignition-hash` of ours does
    /// not fit.
    SameMeaning,
    /// It configures something else.
    Different,
    /// It is no Ignition config.
    NoConfig,
    /// There is nothing.
    Missing,
}

/// Compares every published config, or the one that the URL names.
///
/// # Errors
/// [`image_build::Error::Unknown`] if the server could not be asked.
pub fn run(worlds: &[World<'_>], url: Option<&Url>) -> Result<Done, Error> {
    let world = first(worlds)?;
    let url = match url {
        Some(url) => url.to_string(),
        None => home(world)?,
    };
    let Some(site) = site(worlds, &url)? else {
        return Ok(Done::CheckFailed);
    };
    let agent = Agent::new(Limits::default());
    let mut found = Vec::new();
    for (machine, url) in pairs(&site.machines, &url)? {
        world.report.status("Reading", &url);
        let theirs = remote::fetch::bytes(&agent, &url)?;
        found.push(judge(machine, url, theirs.as_deref()));
    }
    let mut rows = Vec::new();
    for compared in &found {
        let verdict = match compared.verdict {
            Verdict::Equal => "equal",
            Verdict::SameMeaning => "the same in other bytes",
            Verdict::Different => "different",
            Verdict::NoConfig => "no Ignition config",
            Verdict::Missing => "not there",
        };
        rows.push(vec![
            compared.file.clone(),
            verdict.to_owned(),
            compared.url.clone(),
        ]);
        for line in &compared.differences {
            rows.push(vec![format!("  {line}")]);
        }
    }
    for row in rows {
        world
            .report
            .answer(&host::report::harmless(&row.join("  ")));
    }
    world.report.document(&found)?;
    let equal = found
        .iter()
        .all(|compared| compared.verdict == Verdict::Equal);
    Ok(if equal {
        Done::Success
    } else {
        Done::CheckFailed
    })
}

/// Which config is compared with what. A URL of a file means the config of that
/// name, or the only one there is.
fn pairs<'a>(machines: &'a [Published], url: &str) -> Result<Vec<(&'a Published, String)>, Error> {
    let name = url.rsplit('/').next().unwrap_or_default();
    let Some(stem) = name
        .strip_suffix(".ign")
        .or_else(|| name.strip_suffix(".json"))
    else {
        let each = machines
            .iter()
            .map(|machine| (machine, machine.url.clone()));
        return Ok(each.collect());
    };
    let named = machines.iter().find(|machine| machine.name == stem);
    match (named, machines) {
        (Some(machine), _) | (None, [machine]) => Ok(vec![(machine, url.to_owned())]),
        _ => Err(Error::Usage(format!(
            "there is no `{stem}` to compare {url} with"
        ))),
    }
}

fn judge(machine: &Published, url: String, theirs: Option<&[u8]>) -> Compared {
    let (verdict, differences) = match theirs {
        None => (Verdict::Missing, Vec::new()),
        Some(bytes) if bytes == machine.text.as_bytes() => (Verdict::Equal, Vec::new()),
        Some(bytes) => match differences(&machine.text, &String::from_utf8_lossy(bytes)) {
            Err(_) => (Verdict::NoConfig, Vec::new()),
            Ok(lines) if lines.is_empty() => (Verdict::SameMeaning, lines),
            Ok(lines) => (Verdict::Different, lines),
        },
    };
    Compared {
        file: machine.file.clone(),
        url,
        verdict,
        differences,
    }
}
