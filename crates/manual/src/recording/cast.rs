//! An asciicast: what a terminal was sent, and when.
//! Source: <https://docs.asciinema.org/manual/asciicast/v2/>.

use serde_json::{Value, json};

/// What stands before each line that is typed.
const PROMPT: &str = "\u{1b}[1;36m$\u{1b}[0m ";

/// A recording.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cast {
    /// Columns and rows.
    pub(super) size: (u16, u16),
    /// What it shows.
    pub(super) title: String,
    /// Seconds since the start, and what was sent then.
    pub(super) events: Vec<(f64, String)>,
}

/// A line, typed at a prompt letter by letter, from this moment on.
pub(super) fn typed(line: &str, mut now: f64) -> Vec<(f64, String)> {
    let mut events = vec![(now, PROMPT.to_owned())];
    now += 0.6;
    for letter in line.chars() {
        events.push((now, letter.to_string()));
        now += 0.04;
    }
    events.push((now + 0.4, "\r\n".to_owned()));
    events
}

impl Cast {
    pub(super) fn of(size: (u16, u16), title: &str, events: Vec<(f64, String)>) -> Self {
        // As they are written: what is read again is the same.
        let rounded = |(at, text): (f64, String)| ((at * 1000.0).round() / 1000.0, text);
        Self {
            size,
            title: title.to_owned(),
            events: events.into_iter().map(rounded).collect(),
        }
    }

    /// With another word for a place.
    pub(super) fn replace(&mut self, place: &str, word: &str) {
        for (_, text) in &mut self.events {
            *text = text.replace(place, word);
        }
    }

    /// All that was sent.
    pub(super) fn sent(&self) -> String {
        self.events.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The lines that were typed.
    pub(super) fn typed_lines(&self) -> Vec<String> {
        let sent = self.sent();
        let lines = sent.split(PROMPT).skip(1);
        lines
            .map(|rest| rest.split("\r\n").next().unwrap_or_default().to_owned())
            .collect()
    }

    /// The file.
    pub(super) fn text(&self) -> String {
        let (width, height) = self.size;
        let head = json!({"version": 2, "width": width, "height": height, "title": self.title});
        let mut text = format!("{head}\n");
        for (at, sent) in &self.events {
            text.push_str(&format!("{}\n", json!([at, "o", sent])));
        }
        text
    }

    /// Reads such a file; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let head: Value = serde_json::from_str(lines.next()?).ok()?;
        let number = |name: &str| u16::try_from(head[name].as_u64()?).ok();
        let event = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            Some((event[0].as_f64()?, event[2].as_str()?.to_owned()))
        };
        (head["version"] == 2).then_some(())?;
        Some(Self {
            size: (number("width")?, number("height")?),
            title: head["title"].as_str()?.to_owned(),
            events: lines.map(event).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut events = typed("x --y", 0.0);
        events.push((1.23456, "in /here/c\u{e9}\r\n".to_owned()));
        events.extend(typed("z", 2.0));
        let mut cast = Cast::of((80, 24), "T", events);
        cast.replace("/here", "~");
        assert!(
            cast.text()
                .starts_with(r#"{"height":24,"title":"T","version":2,"width":80}"#)
        );
        assert!(
            cast.text().contains(r#"[1.235,"o","in ~/cé\r\n"]"#),
            "{}",
            cast.text()
        );
        assert_eq!(cast.typed_lines(), ["x --y", "z"]);
        assert_eq!(Cast::parse(&cast.text()), Some(cast));
        for none in ["", "{}", r#"{"version":2}"#] {
            assert_eq!(Cast::parse(none), None);
        }
    }
}
