//! The part of an answer that is about one of several images.

use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

/// What a part of the answer is about.
#[derive(Debug)]
pub(super) struct Section {
    name: String,
    /// There are others beside it, so it has a heading, and its outputs have its name.
    several: bool,
    headed: Mutex<Headed>,
    document: Mutex<Option<Value>>,
}

/// Where the heading stands already.
#[derive(Debug, Default)]
struct Headed {
    answer: bool,
    summary: bool,
}

impl Section {
    /// The part about this image.
    pub(super) fn new(name: &str, several: bool) -> Self {
        Self {
            name: name.to_owned(),
            several,
            headed: Mutex::default(),
            document: Mutex::default(),
        }
    }

    /// The heading of the answer, the first time.
    pub(super) fn heading(&self) -> Option<String> {
        let mut headed = self.headed.lock().ok()?;
        let first = self.several && !std::mem::replace(&mut headed.answer, true);
        first.then(|| format!("[{}]", self.name))
    }

    /// The heading on the page of the run, the first time.
    pub(super) fn title(&self) -> Option<String> {
        let mut headed = self.headed.lock().ok()?;
        let first = self.several && !std::mem::replace(&mut headed.summary, true);
        first.then(|| format!("## {}\n\n", self.name))
    }

    /// The name of an output, which no other image has.
    pub(super) fn output(&self, name: &str) -> String {
        match self.several {
            true => format!("{name}-{}", self.name),
            false => name.to_owned(),
        }
    }

    /// A message, said of this image.
    pub(super) fn said(&self, text: &str) -> String {
        match self.several {
            true => format!("{}: {text}", self.name),
            false => text.to_owned(),
        }
    }

    /// Its name and its document; `null` if it gave none.
    pub(super) fn document(&self) -> (String, Value) {
        let document = self.document.lock().ok();
        let document = document.and_then(|document| document.clone());
        (self.name.clone(), document.unwrap_or_default())
    }

    /// Keeps the document, for that of all parts.
    pub(super) fn keep(&self, value: &impl Serialize) -> Result<(), Error> {
        let value = serde_json::to_value(value)
            .map_err(|error| Error::Usage(format!("no JSON for this: {error}")))?;
        if let Ok(mut document) = self.document.lock() {
            *document = Some(value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::report::Report;

    #[test]
    fn parts_have_a_heading_and_one_document() {
        let report = Report::capturing(false);
        let parts = [report.section("a", true), report.section("b", true)];
        for part in &parts {
            part.answer("one");
            part.answer("two");
            part.error("no");
        }
        let [out, err] = report.captured();
        assert_eq!(out, "[a]\none\ntwo\n[b]\none\ntwo\n");
        assert_eq!(err, "error: a: no\nerror: b: no\n");
        // One that is alone is as it was, but for the document.
        let report = Report::capturing(false);
        report.section("a", false).answer("one");
        assert_eq!(report.captured()[0], "one\n");
        let report = Report::capturing(true);
        let parts = [report.section("a", false), report.section("b", false)];
        parts[0].document(&1).unwrap();
        report.sections(&parts).unwrap();
        let found: Value = serde_json::from_str(&report.captured()[0]).unwrap();
        assert_eq!(found, serde_json::json!({"images": {"a": 1, "b": null}}));
    }
}
