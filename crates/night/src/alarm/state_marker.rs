//! What the alarm's issue remembers: the troubles, as JSON in an HTML comment in
//! its body, which people do not see. The comment also marks the issue as ours.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::classify::Cause;

/// The trouble of no job: the published image is too old. No job has a space in
/// its name.
pub const IMAGE: &str = "published image";

const BEGIN: &str = "<!-- custom-coreos:alarm ";
const END: &str = " -->";

/// The troubles by job. Empty when all is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// By the name of the job, or [`IMAGE`].
    pub troubles: BTreeMap<String, Trouble>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What kind.
    pub cause: Cause,
    /// The day of the first failure.
    pub since: Date,
    /// One line of the error.
    pub said: String,
    /// The page of the run.
    pub run: Option<String>,
}

/// The place of the trouble of a published image; of one of several by its name.
pub fn image(name: Option<&str>) -> String {
    match name {
        None => IMAGE.to_owned(),
        Some(name) => format!("{IMAGE} {name}"),
    }
}

/// Whether a trouble is that of a published image.
pub fn is_image(place: &str) -> bool {
    place.starts_with(IMAGE)
}

/// The place of the trouble of a job; of one that is about one of several images, `nas/build`.
/// No job has a slash in its name.
pub fn job(name: &str, image: Option<&str>) -> String {
    match image {
        None => name.to_owned(),
        Some(image) => format!("{image}/{name}"),
    }
}

/// Whether a place is of one of these images, or of none; without any, of the only image.
pub fn is_of(place: &str, images: &[String]) -> bool {
    let known = |name: &str| images.iter().any(|image| image == name);
    match (place.strip_prefix(IMAGE), place.split_once('/')) {
        (Some(""), _) => images.is_empty(),
        (Some(name), _) => known(name.trim_start()),
        (None, Some((name, _))) => known(name),
        (None, None) => true,
    }
}

impl State {
    /// All kinds of trouble.
    pub fn causes(&self) -> BTreeSet<Cause> {
        let troubles = self.troubles.values();
        troubles.map(|trouble| trouble.cause).collect()
    }

    /// The jobs in trouble.
    pub fn jobs(&self) -> impl Iterator<Item = &str> {
        let places = self.troubles.keys().map(String::as_str);
        places.filter(|place| !is_image(place))
    }

    /// The troubles of both; where both have one for a job, that of `self`.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for (place, trouble) in other.troubles {
            self.troubles.entry(place).or_insert(trouble);
        }
        self
    }

    /// The comment that remembers this, below the text of the issue.
    pub fn marker(&self) -> String {
        // `<` and `>` could end the HTML comment. In JSON they occur only in
        // strings, where they can be escaped.
        let json = serde_json::to_string(self).unwrap_or_default();
        let json = json.replace('<', "\\u003c").replace('>', "\\u003e");
        format!("{BEGIN}{json}{END}")
    }
}

/// What an issue remembers: `None` if it has no marker, and nothing if somebody
/// has damaged it.
pub fn find(body: &str) -> Option<State> {
    let line = body.lines().rev().find(|line| line.starts_with(BEGIN))?;
    let json = line.strip_prefix(BEGIN)?.trim_end();
    let json = json.strip_suffix(END.trim_start()).unwrap_or_default();
    Some(serde_json::from_str(json).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_of_an_image_that_is_there() {
        let two = ["nas".to_owned(), "desk".to_owned()];
        for (place, one, several) in [
            (image(None), true, false),
            (image(Some("nas")), false, true),
            (image(Some("gone")), false, false),
            (job("build-x86_64", None), true, true),
            (job("build-x86_64", Some("desk")), false, true),
            (job("publish", Some("gone")), false, false),
        ] {
            assert_eq!(is_of(&place, &[]), one, "{place}");
            assert_eq!(is_of(&place, &two), several, "{place}");
        }
        assert!(is_image(&image(Some("nas"))) && !is_image(&job("a", Some("nas"))));
    }
    use crate::alarm::issue_text;

    fn state() -> State {
        let trouble = |cause, said: &str| Trouble {
            cause,
            since: "2026-07-21".parse().unwrap(),
            said: said.to_owned(),
            run: Some("https://github.com/o/r/actions/runs/1".to_owned()),
        };
        let evil = "--> <!-- custom-coreos:alarm {} --> | `@all`";
        State {
            troubles: BTreeMap::from([
                ("build".to_owned(), trouble(Cause::Registry, evil)),
                (IMAGE.to_owned(), trouble(Cause::Stale, "20 days old")),
            ]),
        }
    }

    #[test]
    fn a_body_says_what_it_was_and_is_read_back() {
        let body = issue_text::body(&state());
        assert_eq!(find(&body), Some(state()));
        assert!(body.starts_with("**registry**: "), "{body}");
        assert!(body.lines().next().unwrap().contains("What to do: "));
        assert_eq!(body.matches("-->").count() - 2, 1, "{body}");
        let markers = body.lines().filter(|line| line.starts_with("<!--"));
        assert_eq!(markers.count(), 1, "{body}");
        assert_eq!(
            issue_text::title(&state()),
            "Alarm: registry, old image (build)"
        );
    }

    #[test]
    fn a_damaged_marker_is_one_that_remembers_nothing() {
        assert_eq!(find("a body of somebody"), None);
        assert_eq!(find(&format!("we saw {BEGIN}{{}}{END}")), None);
        for damaged in ["", "{", "{\"troubles\": 1}"] {
            let body = format!("x\n{BEGIN}{damaged}{END}\n");
            assert_eq!(find(&body), Some(State::default()), "{damaged}");
        }
        assert_eq!(find(&format!("x\n{BEGIN}{{")), Some(State::default()));
    }
}
