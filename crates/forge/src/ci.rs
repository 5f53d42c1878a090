//! The CI run that this program is a part of.

use std::path::{Path, PathBuf};

use crate::kind::Forge;

/// Where a job's outputs are written to, for the jobs after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// `name=value`, or with a delimiter where the value has several lines.
    Delimited(PathBuf),
    /// `name=value`, where names are letters, digits and `_`, and values one line.
    Dotenv(PathBuf),
}

/// Which run of a workflow this is: for whom a result is written down, where an
/// alarm leads to, and whose repository it is. No build depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ci {
    /// Whose CI; `None` outside of CI.
    pub forge: Option<Forge>,
    /// `owner/name`.
    pub repository: Option<String>,
    /// The owner, for one refusal: a fork that would publish to somebody else's
    /// account.
    pub owner: Option<String>,
    /// The root of its web pages.
    pub server: Option<String>,
    /// The root of its API.
    pub api: Option<String>,
    /// The run.
    pub id: Option<u64>,
    /// Which attempt at it.
    pub attempt: Option<u64>,
    /// The job.
    pub job: Option<String>,
    /// The machine.
    pub runner: Option<String>,
    /// The page of the job, where it is said.
    pub page: Option<String>,
    /// Where outputs go.
    pub output: Option<Output>,
    /// The file that takes Markdown for the page of the run.
    pub summary: Option<PathBuf>,
    /// Where the site of the repository is published, where it is said.
    pub site: Option<String>,
}

impl Output {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Delimited(path) | Self::Dotenv(path) => path,
        }
    }

    /// What is added to the file for these values.
    ///
    /// No value can end early and set another: the delimiter is one that the value
    /// does not contain, or the value becomes one line.
    /// Source: GitHub Actions, "Setting an output parameter"; GitLab,
    /// "artifacts:reports:dotenv".
    pub fn text(&self, values: &[(&str, String)]) -> String {
        let mut text = String::new();
        for (key, value) in values {
            match self {
                Self::Delimited(_) => {
                    let delimiter = delimiter(value);
                    text.push_str(&format!("{key}<<{delimiter}\n{value}\n{delimiter}\n"));
                }
                Self::Dotenv(_) => {
                    let key = key.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                    let value: Vec<&str> = value.split(['\r', '\n']).collect();
                    text.push_str(&format!("{key}={}\n", value.join(" ")));
                }
            }
        }
        text
    }
}

fn delimiter(value: &str) -> String {
    let mut number = 0u32;
    loop {
        let candidate = format!("END_{number}");
        if !value.contains(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

/// The value of an output in what [`Output::Delimited`] has taken; the last one
/// counts.
pub fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    let mut rest = text;
    while let Some((head, after)) = rest.split_once('\n') {
        let Some((key, delimiter)) = head.split_once("<<") else {
            rest = after;
            continue;
        };
        let end = format!("\n{delimiter}\n");
        // An empty value has its delimiter at once.
        let value = match after.strip_prefix(&end[1..]) {
            Some(next) => {
                rest = next;
                Some("")
            }
            None => after.split_once(&end).map(|(value, next)| {
                rest = next;
                value
            }),
        };
        match value {
            Some(value) if key == name => found = Some(value),
            Some(_) => {}
            None => return found,
        }
    }
    found
}

impl Ci {
    /// Names the job of one attempt of one run, for all that it does; `None` outside
    /// of CI.
    pub fn job_key(&self) -> Option<String> {
        let job = self.job.as_deref().unwrap_or_default();
        Some(format!("{}/{}/{job}", self.id?, self.attempt.unwrap_or(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_sets_another() {
        let evil = "x\nEND_0\nimage=evil".to_owned();
        let values = [
            ("a", "1".to_owned()),
            ("b", evil.clone()),
            ("a-b", String::new()),
        ];
        let text = Output::Delimited(PathBuf::new()).text(&values);
        assert_eq!(value_of(&text, "a"), Some("1"));
        assert_eq!(value_of(&text, "b"), Some(evil.as_str()));
        assert_eq!(value_of(&text, "a-b"), Some(""));
        assert_eq!(value_of(&text, "image"), None);
        assert_eq!(value_of(&text[..text.len() - 4], "b"), Some(evil.as_str()));
        let text = Output::Dotenv(PathBuf::new()).text(&values);
        assert_eq!(text, "a=1\nb=x END_0 image=evil\na_b=\n");
    }
}
