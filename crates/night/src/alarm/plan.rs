//! From facts to what is done with the issue. Pure.

use std::fmt;

use forge::{Change, Issue};
use jiff::civil::Date;
use remote::webhook::Message;
use serde::Serialize;

use super::classify::Cause;
use super::state_marker::{IMAGE, State, Trouble, is_image};
use super::{issue_text, state_marker};

/// How the job ended that calls the alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// All its steps did.
    Well,
    /// A step failed: the kind of failure, and one line of the error.
    Badly(Cause, String),
    /// The job was cancelled or skipped, which says nothing about the image.
    Otherwise,
}

/// How old the published image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// In whole days.
    Days(u32),
    /// Unknown: not asked, no answer, or no image.
    Unknown,
}

/// All that the plan depends on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The job, by its name.
    pub job: String,
    /// How it ended.
    pub ended: Ended,
    /// The job found that nothing can be built yet.
    pub not_yet: bool,
    /// The published image, or of several those that the job is about; each by the place
    /// that its trouble has ([`state_marker::image`]).
    pub ages: Vec<(String, Age)>,
    /// What `image.yaml` calls its images; empty where it has one.
    pub images: Vec<String>,
    /// Days that the published image may be old; 0 turns this check off.
    pub most_days: u32,
    /// Issues with the label, open and closed.
    pub issues: Vec<Issue>,
    /// The label.
    pub label: String,
    /// Today.
    pub today: Date,
    /// The page of the run.
    pub run: Option<String>,
    /// `image.yaml` has a webhook, or a mailbox.
    pub webhook: bool,
}

/// What is done. Printed and performed from the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An issue is opened.
    Open {
        /// Its title.
        title: String,
        /// Its body.
        body: String,
        /// Its label.
        label: String,
    },
    /// An issue is changed.
    Change {
        /// Which.
        number: u64,
        /// How.
        change: Change,
    },
    /// A comment is added.
    Comment {
        /// To which issue.
        number: u64,
        /// What it says.
        body: String,
    },
    /// A message is sent to the webhook and the mailbox of `image.yaml`.
    Notify(Message),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Open { title, body, label } => {
                write!(f, "open an issue `{title}` with the label {label}")?;
                body
            }
            Self::Change { number, change } => {
                write!(f, "change #{number}:")?;
                if let Some((state, reason)) = change.state {
                    write!(f, " {state} ({reason})")?;
                }
                if let Some(title) = &change.title {
                    write!(f, " `{title}`")?;
                }
                change.body.as_deref().unwrap_or_default()
            }
            Self::Comment { number, body } => {
                write!(f, "comment on #{number}")?;
                body
            }
            Self::Notify(message) => {
                let Message {
                    title, priority, ..
                } = message;
                write!(f, "notify (priority {priority}): {title}")?;
                &message.text
            }
        };
        let mut lines = text.lines();
        lines.try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// What became of the issue, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All is well, and there is no open issue.
    Quiet,
    /// An issue is opened, or opened again.
    Raised,
    /// The open issue stays, with another cause.
    Changed,
    /// The open issue stays as it is.
    Known,
    /// A person closed the issue as not planned, and the cause is the same.
    Muted,
    /// The issue is closed: all is well again.
    Recovered,
}

/// What is to be done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub effects: Vec<Effect>,
    /// Where it stands.
    pub verdict: Verdict,
    /// The troubles as they are now.
    pub state: State,
    /// The issue, if there is one already.
    pub issue: Option<u64>,
    /// Issues that have the marker and are not ours: by whom they are opened,
    /// anybody may say so.
    pub foreign: Vec<u64>,
}

/// The issues that are ours: by the marker, by the label, which only those may
/// give who may change the repository, and by who opened them.
fn is_ours(issue: &Issue, label: &str) -> bool {
    issue.trusted && issue.labels.iter().any(|name| name == label)
}

/// The alarm's issues.
struct Known<'a> {
    /// The alarm's issue. If there are several, every run takes the one with the
    /// lowest number.
    issue: Option<&'a Issue>,
    /// What it remembers.
    remembered: State,
    /// Two runs at once may have opened two: open ones with higher numbers.
    others: Vec<(&'a Issue, State)>,
    foreign: Vec<u64>,
}

impl<'a> Known<'a> {
    fn of(facts: &'a Facts) -> Self {
        let marked = facts.issues.iter();
        let marked = marked.filter_map(|issue| Some((issue, state_marker::find(&issue.body)?)));
        let (mut ours, foreign): (Vec<_>, Vec<_>) =
            marked.partition(|(issue, _)| is_ours(issue, &facts.label));
        ours.sort_by_key(|(issue, _)| issue.number);
        let mut ours = ours.into_iter();
        let first = ours.next();
        Self {
            issue: first.as_ref().map(|(issue, _)| *issue),
            remembered: first.map(|(_, state)| state).unwrap_or_default(),
            others: ours.filter(|(issue, _)| issue.open).collect(),
            foreign: foreign.iter().map(|(issue, _)| issue.number).collect(),
        }
    }

    fn is_open(&self) -> bool {
        self.issue.is_some_and(|issue| issue.open)
    }

    /// A person has closed the issue as not planned: only another cause opens it
    /// again.
    fn is_muted(&self) -> bool {
        let reason = self.issue.and_then(|issue| issue.reason.as_deref());
        !self.is_open() && reason == Some("not_planned")
    }

    /// The troubles that are known. A person who closes the issue as done says
    /// that there are none: whoever fails then, fails again.
    fn before(&self) -> State {
        match self.is_open() || self.is_muted() {
            true => self.remembered.clone(),
            false => State::default(),
        }
    }

    fn verdict(&self, before: &State, state: &State) -> Verdict {
        let (known, causes) = (before.causes(), state.causes());
        match (self.is_open(), causes.is_empty()) {
            (true, true) => Verdict::Recovered,
            (true, false) if causes == known => Verdict::Known,
            (true, false) => Verdict::Changed,
            (false, true) => Verdict::Quiet,
            (false, false) if self.is_muted() && causes.is_subset(&known) => Verdict::Muted,
            (false, false) => Verdict::Raised,
        }
    }
}

/// What is done with the issue.
pub fn plan(facts: &Facts) -> Plan {
    let known = Known::of(facts);
    let before = known.before();
    let others = known.others.iter();
    let merged = others.fold(before.clone(), |state, (_, other)| {
        state.with(other.clone())
    });
    let state = after(merged, facts);
    let verdict = known.verdict(&before, &state);
    let mut effects: Vec<Effect> = Vec::new();
    if let Some(issue) = known.issue {
        let number = issue.number;
        effects.extend(known.others.iter().map(|(other, _)| same(other, number)));
        effects.extend(of_known(facts, &known, number, &before, &state, verdict));
    } else if verdict == Verdict::Raised {
        effects.push(Effect::Open {
            title: issue_text::title(&state),
            body: issue_text::body(&state),
            label: facts.label.clone(),
        });
    }
    let message = message(facts, &known, &before, &state, verdict);
    effects.extend(message.filter(|_| facts.webhook).map(Effect::Notify));
    Plan {
        effects,
        verdict,
        issue: known.issue.map(|issue| issue.number),
        foreign: known.foreign,
        state,
    }
}

/// The effects on an existing issue. The issue is changed before a comment is
/// added, so that a run that is cut off in between does not comment twice.
fn of_known(
    facts: &Facts,
    known: &Known<'_>,
    number: u64,
    before: &State,
    state: &State,
    verdict: Verdict,
) -> Vec<Effect> {
    let change = |what: Option<(&'static str, &'static str)>| Effect::Change {
        number,
        change: Change {
            title: (!state.troubles.is_empty()).then(|| issue_text::title(state)),
            body: Some(issue_text::body(state)),
            state: what,
        },
    };
    let comment = |body: String| Effect::Comment { number, body };
    let table = || {
        let (line, table) = (issue_text::headline(state), issue_text::table(state));
        format!("{line}\n\n{table}")
    };
    match verdict {
        Verdict::Raised => vec![
            change(Some(("open", "reopened"))),
            comment(format!("Again: {}", table())),
        ],
        Verdict::Changed => vec![change(None), comment(format!("Now: {}", table()))],
        Verdict::Recovered => {
            let words = issue_text::recovered(place(before, facts), facts.run.as_deref());
            vec![change(Some(("closed", "completed"))), comment(words)]
        }
        // Only the remembered state changes; nobody is notified.
        Verdict::Quiet | Verdict::Known | Verdict::Muted
            if known.before() == known.remembered && *state != known.remembered =>
        {
            vec![change(None)]
        }
        Verdict::Quiet | Verdict::Known | Verdict::Muted => Vec::new(),
    }
}

/// The troubles after this job.
fn after(mut state: State, facts: &Facts) -> State {
    match &facts.ended {
        Ended::Badly(cause, said) => note(&mut state, &facts.job, *cause, said, facts),
        Ended::Well => drop(state.troubles.remove(&facts.job)),
        Ended::Otherwise => {}
    }
    let most = facts.most_days;
    for (place, age) in &facts.ages {
        match *age {
            Age::Days(days) if most > 0 && days > most => {
                let known = state.troubles.get(place).map(|known| known.cause);
                let cause = match facts.not_yet {
                    true => Cause::Skew,
                    false => known.unwrap_or(Cause::Stale),
                };
                let said = format!("it is {days} days old, and may be {most}");
                note(&mut state, place, cause, &said, facts);
            }
            Age::Days(_) => drop(state.troubles.remove(place)),
            Age::Unknown => {}
        }
    }
    // Nobody would ever say that an image is well which is not there any more.
    state
        .troubles
        .retain(|place, _| state_marker::is_of(place, &facts.images));
    state
}

/// A trouble keeps its first day and text as long as its cause is the same.
fn note(state: &mut State, place: &str, cause: Cause, said: &str, facts: &Facts) {
    let known = state.troubles.get(place);
    if known.is_some_and(|known| known.cause == cause) {
        return;
    }
    let trouble = Trouble {
        cause,
        since: known.map_or(facts.today, |known| known.since),
        said: said.to_owned(),
        run: facts.run.clone(),
    };
    state.troubles.insert(place.to_owned(), trouble);
}

/// Closes a duplicate of the alarm's issue.
fn same(issue: &Issue, first: u64) -> Effect {
    Effect::Change {
        number: issue.number,
        change: Change {
            title: None,
            // Without the marker it no longer counts as the alarm's issue.
            body: Some(format!("Duplicate of #{first}.\n")),
            state: Some(("closed", "duplicate")),
        },
    }
}

/// Whose recovery it was.
fn place<'a>(before: &'a State, facts: &'a Facts) -> &'a str {
    let mut images = before.troubles.keys().filter(|place| is_image(place));
    match before.troubles.contains_key(&facts.job) {
        true => &facts.job,
        false => images.next().map_or(IMAGE, String::as_str),
    }
}

/// What is told besides.
fn message(
    facts: &Facts,
    known: &Known<'_>,
    before: &State,
    state: &State,
    verdict: Verdict,
) -> Option<Message> {
    let page = known.issue.map(|issue| issue.url.clone());
    let link = page.or_else(|| facts.run.clone());
    match verdict {
        Verdict::Raised | Verdict::Changed => Some(Message {
            title: issue_text::title(state),
            text: issue_text::headline(state).replace("**", ""),
            priority: 4,
            tag: "warning",
            link,
        }),
        Verdict::Recovered => Some(Message {
            title: "Alarm: all is well again".to_owned(),
            text: issue_text::recovered(place(before, facts), None),
            priority: 2,
            tag: "white_check_mark",
            link,
        }),
        Verdict::Quiet | Verdict::Known | Verdict::Muted => None,
    }
}
