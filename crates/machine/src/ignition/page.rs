//! The page: plain HTML with its style inside, nothing loaded from elsewhere,
//! no script.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::facts::Fact;
use super::site::{Commit, HTML, IGNITION, PAGE, Published, Site};

const STYLE: &str = include_str!("page.css");

/// The whole document. The same site gives the same bytes.
pub fn html(site: &Site) -> String {
    let mut page = String::new();
    let (title, description) = (escape(&site.title), escape(&site.description));
    let _ = write!(
        page,
        "<!doctype html>\n\
        <html lang=\"en\">\n\
        <head>\n\
        <meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n\
        <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
        <meta name=\"description\" content=\"{description}\">\n\
        <link rel=\"icon\" href=\"data:,\">\n\
        <title>{title}</title>\n\
        <style>\n{STYLE}</style>\n\
        </head>\n\
        <body>\n\
        <header>\n<h1>{title}</h1>\n<p>{description}</p>\n</header>\n\
        <main>\n"
    );
    for machine in &site.machines {
        section(&mut page, machine, site.commit.as_ref());
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// Every file of a site by its name: its type and its bytes.
pub fn files(site: &Site) -> BTreeMap<String, (&'static str, Vec<u8>)> {
    let mut files: BTreeMap<String, (&'static str, Vec<u8>)> = site
        .machines
        .iter()
        .map(|machine| {
            (
                machine.file.clone(),
                (IGNITION, machine.text.clone().into_bytes()),
            )
        })
        .collect();
    files.insert(PAGE.to_owned(), (HTML, html(site).into_bytes()));
    files
}

fn section(page: &mut String, machine: &Published, commit: Option<&Commit>) {
    let name = escape(&machine.name);
    let file = escape(&machine.file);
    let _ = write!(
        page,
        "<section id=\"{name}\">\n<h2>{name}</h2>\n\
        <p class=\"meta\"><a href=\"{file}\">{file}</a></p>\n",
    );
    for warning in &machine.warnings {
        let _ = writeln!(page, "<p class=\"warning\">{}</p>", prose(warning));
    }
    let _ = write!(
        page,
        "<h3>Install</h3>\n\
        <pre>{}</pre>\n\
        <p class=\"hint\">On the machine, booted from Fedora CoreOS\u{2019}s live medium. \
        Put the disk\u{2019}s name for <code>sdX</code>: it is erased.</p>\n",
        escape(&install(machine)),
    );
    page.push_str("<h3>What it configures</h3>\n");
    let facts = |detail: bool| {
        machine
            .facts
            .iter()
            .filter(move |fact| fact.detail == detail)
    };
    list(page, facts(false), &[]);
    page.push_str("<details>\n<summary>Every file and unit</summary>\n");
    list(page, facts(true), &[]);
    page.push_str("</details>\n<h3>The file</h3>\n");
    let digest = machine.hash.trim_start_matches("sha256-").to_owned();
    let about = [
        ("Size", format!("{} bytes", machine.size)),
        ("SHA-256", digest),
        ("Commit", made_of(commit)),
    ];
    list(page, [].iter(), &about);
    page.push_str("</section>\n");
}

/// A sentence of ours: with a capital, and what is in backticks as code.
fn prose(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let mut html = String::new();
    for (at, part) in format!("{first}{}.", letters.as_str())
        .split('`')
        .enumerate()
    {
        let part = escape(part);
        if at % 2 == 1 {
            let _ = write!(html, "<code>{part}</code>");
        } else {
            html.push_str(&part);
        }
    }
    html
}

/// The command that installs, as it is typed.
pub fn install(machine: &Published) -> String {
    format!(
        "sudo coreos-installer install /dev/sdX \\\n  --ignition-url {} \\\n  --ignition-hash {}",
        machine.url, machine.hash
    )
}

fn list<'a>(page: &mut String, facts: impl Iterator<Item = &'a Fact>, more: &[(&str, String)]) {
    page.push_str("<dl>\n");
    let more = more
        .iter()
        .map(|(title, entry)| (*title, std::slice::from_ref(entry)));
    for (title, entries) in facts
        .map(|fact| (fact.title, fact.entries.as_slice()))
        .chain(more)
    {
        let _ = write!(page, "<div><dt>{}</dt>", escape(title));
        for entry in entries {
            let _ = write!(page, "<dd>{}</dd>", escape(entry));
        }
        page.push_str("</div>\n");
    }
    page.push_str("</dl>\n");
}

/// The commit and its day: a file that changes without a new day or commit
/// would be a riddle.
fn made_of(commit: Option<&Commit>) -> String {
    let Some(commit) = commit else {
        return "none".to_owned();
    };
    let short: String = commit.id.chars().take(12).collect();
    let day = commit.date.split('T').next().unwrap_or_default();
    let changed = if commit.changed {
        ", with changes that are in no commit"
    } else {
        ""
    };
    format!("{short} of {day}{changed}")
}

/// Text that is safe between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_config_is_markup() {
        assert_eq!(
            escape("<a href=\"x\">&'"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"
        );
        assert_eq!(prose("put `a<b` in"), "Put <code>a&lt;b</code> in.");
    }
}
