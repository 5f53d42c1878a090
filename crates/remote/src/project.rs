//! One repository at its forge: its issues, its runs, its attestations. What is
//! asked, and what an answer means, is in the crate `forge`; here it is sent.

use std::collections::BTreeMap;

use forge::{
    Access, Api, Change, Dispatched, FoundIssue, Home, Issue, Request, Run, RunFilter, Trust,
    Unreadable, Workflow,
};
use host::Secret;
use registry_compat::Trouble;
use serde_json::{Map, Value};

use crate::agent::{Reply, next_page};
use crate::packages::message;
use crate::rate_limit::{Call, Method, PacedClient, told};
use crate::{Agent, Error, Pace};

/// More pages than anything here has; a server that goes on is no forge.
const MOST_PAGES: usize = 100;

/// One repository.
pub struct Project {
    client: PacedClient,
    authorization: Secret,
    home: Home,
    api: &'static dyn Api,
    access: Access,
}

impl Project {
    /// The repository; nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Denied`] without a token: forges answer such questions to named
    /// people only, or so seldom that it is no answer. [`Error::NotFound`] where
    /// there is no forge.
    pub fn new(
        agent: &Agent,
        home: Home,
        token: Option<&Secret>,
        access: Access,
        pace: Pace,
    ) -> Result<Self, Error> {
        let api = forge::api(home.forge).ok_or_else(|| {
            Error::NotFound(
                "image.yaml says `forge: none`: there are no workflows and no issues".to_owned(),
            )
        })?;
        let token = token.ok_or_else(|| {
            Error::Denied(format!(
                "there is no token for {} at {}; {}; {}",
                home.project,
                api.name(),
                api.token_advice(),
                api.wanted(access)
            ))
        })?;
        Ok(Self {
            client: PacedClient::new(agent.clone(), pace),
            authorization: Secret::new(format!("Bearer {}", token.expose())),
            home,
            api,
            access,
        })
    }

    /// `owner/name`.
    pub fn name(&self) -> &str {
        &self.home.project
    }

    /// Where it is.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// As people call the forge.
    pub fn forge(&self) -> &'static str {
        self.api.name()
    }

    /// What the token needs that lacks something.
    pub fn wanted(&self) -> &'static str {
        self.api.wanted(self.access)
    }

    /// The page of a run.
    pub fn run_page(&self, id: u64) -> String {
        let Home { web, project, .. } = &self.home;
        self.api.run_page(web, project, id)
    }

    /// The login of whoever the token belongs to; `None` if it is nobody's, as a
    /// workflow's is.
    ///
    /// # Errors
    /// [`Error::Unknown`] if that could not be found out.
    pub fn login(&self) -> Result<Option<String>, Error> {
        let (path, field) = self.api.user();
        let url = self.url(path);
        let reply = self.send(&Request::get(path.to_owned()), &url)?;
        match reply.status {
            200 => {
                let user: Value = self.decoded(&url, serde_json::from_slice(&reply.body))?;
                Ok(user[field].as_str().map(str::to_owned))
            }
            401 => Err(self.refused(&url, &reply)),
            403 | 404 => Ok(None),
            _ => Err(told(Trouble::Garbled, &url, &reply)),
        }
    }

    /// The branch that a workflow runs on if none is named.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub fn default_branch(&self) -> Result<String, Error> {
        #[derive(serde::Deserialize)]
        struct WireRepository {
            default_branch: String,
        }
        let wire: WireRepository = self.read(self.api.repository(self.name()), |body| {
            serde_json::from_slice(body)
        })?;
        Ok(wire.default_branch)
    }

    /// All issues with a label, open and closed, lowest number first; no pull
    /// requests.
    ///
    /// # Errors
    /// If any page could not be read, or it could not be found out who may change
    /// the repository.
    pub fn issues(&self, label: &str) -> Result<Vec<Issue>, Error> {
        let mut filed: Vec<FoundIssue> = Vec::new();
        let read = |body: &[u8]| self.api.read_issues(self.name(), body);
        self.pages(&self.api.issues(self.name(), label), read, |page| {
            filed.extend(page);
            false
        })?;
        let mut all = self.judged(filed)?;
        all.sort_by_key(|issue| issue.number);
        // One that is opened meanwhile moves others to the next page.
        all.dedup_by_key(|issue| issue.number);
        Ok(all)
    }

    /// Whether those who opened them may change the repository. Each is asked
    /// about once, and the token's own account not at all.
    fn judged(&self, filed: Vec<FoundIssue>) -> Result<Vec<Issue>, Error> {
        let mut known: BTreeMap<String, bool> = BTreeMap::new();
        let mut own: Option<Option<String>> = None;
        let mut all = Vec::new();
        for FoundIssue { mut issue, by } in filed {
            issue.trusted = match by {
                Trust::Known(trusted) => trusted,
                Trust::LookUp { login, path } => {
                    let own = match &own {
                        Some(own) => own,
                        None => own.insert(self.login()?),
                    };
                    match known.get(&login) {
                        _ if own.as_ref() == Some(&login) => true,
                        Some(trusted) => *trusted,
                        None => {
                            let trusted = self.trusts(path)?;
                            known.insert(login, trusted);
                            trusted
                        }
                    }
                }
            };
            all.push(issue);
        }
        Ok(all)
    }

    /// Who is no member is not found; who may not ask does not know, and trusts
    /// nobody.
    fn trusts(&self, path: String) -> Result<bool, Error> {
        let url = self.url(&path);
        let reply = self.send(&Request::get(path), &url)?;
        match reply.status {
            200 => self.decoded(&url, self.api.read_trust(&reply.body)),
            403 | 404 => Ok(false),
            _ => Err(self.refused(&url, &reply)),
        }
    }

    /// Opens an issue. It is sent once: a second one would be a second issue.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the repository has its issues switched off.
    pub fn open_issue(&self, title: &str, body: &str, label: &str) -> Result<Issue, Error> {
        let number = self.label_number(label)?;
        let request = self
            .api
            .open_issue(self.name(), (title, body), label, number);
        let read = |body: &[u8]| self.api.read_issue(self.name(), body);
        // Whoever opened it is whoever asks.
        let filed = self.answer(&request, read)?;
        Ok(Issue {
            trusted: true,
            ..filed.issue
        })
    }

    /// Where labels have numbers, that of this one, which is made if it is not
    /// there.
    fn label_number(&self, label: &str) -> Result<Option<u64>, Error> {
        let Some(list) = self.api.labels(self.name()) else {
            return Ok(None);
        };
        let mut number = None;
        let read = |body: &[u8]| self.api.read_label(body, label);
        self.pages(&list, read, |found| {
            number = found;
            number.is_some()
        })?;
        if number.is_none() {
            number = self.answer(&self.api.make_label(self.name(), label), read)?;
        }
        Ok(number)
    }

    /// Changes an issue.
    ///
    /// # Errors
    /// If it could not be changed.
    pub fn change_issue(&self, number: u64, change: &Change) -> Result<(), Error> {
        self.ask(&self.api.change_issue(self.name(), number, change))?;
        Ok(())
    }

    /// Adds a comment. It is sent once.
    ///
    /// # Errors
    /// If it could not be added.
    pub fn comment(&self, number: u64, body: &str) -> Result<(), Error> {
        self.ask(&self.api.comment(self.name(), number, body))?;
        Ok(())
    }

    /// All workflows of the repository that are files of it.
    ///
    /// # Errors
    /// If any page could not be read.
    pub fn workflows(&self) -> Result<Vec<Workflow>, Error> {
        let Some(list) = self.api.workflows(self.name()) else {
            return Ok(self.api.fixed_workflows());
        };
        let mut all = Vec::new();
        let read = |body: &[u8]| self.api.read_workflows(body);
        self.pages(&list, read, |page| {
            all.extend(page);
            false
        })?;
        Ok(all)
    }

    /// The newest runs of a workflow, by the name of its file, newest first; at
    /// most `most`.
    ///
    /// # Errors
    /// If they could not be asked for.
    pub fn runs(&self, file: &str, wanted: &RunFilter<'_>, most: usize) -> Result<Vec<Run>, Error> {
        let size = most.clamp(1, 100);
        let first = self.api.runs(self.name(), file, wanted, size);
        let mut all: Vec<Run> = Vec::new();
        let read = |body: &[u8]| self.api.read_runs(body, file);
        self.pages(&first, read, |page| {
            let elsewhere = |run: &Run| {
                let branch = run.head_branch.as_deref().zip(wanted.branch);
                branch.is_some_and(|(found, wanted)| found != wanted)
            };
            // Not every forge leaves out those of other branches.
            for run in page.into_iter().filter(|run| !elsewhere(run)) {
                // A run that begins meanwhile moves others to the next page.
                if all.iter().all(|known| known.id != run.id) {
                    all.push(run);
                }
            }
            all.len() >= most
        })?;
        all.sort_by_key(|run| std::cmp::Reverse(run.id));
        all.truncate(most);
        Ok(all)
    }

    /// One run as it is now.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub fn run(&self, id: u64) -> Result<Run, Error> {
        let path = self.api.run(self.name(), id);
        self.read(path, |body| self.api.read_run(body))
    }

    /// The step that failed in the job that runs on this runner; `None` if there
    /// is none, or the forge does not know of it yet, or of steps at all.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub fn failed_step(
        &self,
        run: u64,
        attempt: u64,
        runner: &str,
    ) -> Result<Option<String>, Error> {
        let Some(first) = self.api.steps(self.name(), run, attempt) else {
            return Ok(None);
        };
        let mut found: Option<String> = None;
        let read = |body: &[u8]| self.api.read_failed_step(body, runner);
        self.pages(&first, read, |name| {
            found = name;
            found.is_some()
        })?;
        Ok(found.map(|name| host::one_line(&name)))
    }

    /// Starts a workflow, by the name of its file, on a branch. It is sent once:
    /// a second one would start a second run.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the forge will not: the workflow cannot be started
    /// by hand, is disabled, or has no such input.
    pub fn dispatch(
        &self,
        file: &str,
        branch: &str,
        inputs: &Map<String, Value>,
    ) -> Result<Dispatched, Error> {
        let request = self.api.dispatch(self.name(), file, branch, inputs);
        let url = self.url(&request.path);
        let reply = self.ask(&request)?;
        let read = self.api.read_dispatched(reply.status, &reply.body);
        self.decoded(&url, read)?
            .ok_or_else(|| told(Trouble::Garbled, &url, &reply))
    }

    /// How many attestations of a digest the forge has; `None` where it keeps
    /// none.
    ///
    /// # Errors
    /// If it could not be asked for.
    pub fn attestations(&self, digest: &str) -> Result<Option<usize>, Error> {
        let Some(path) = self.api.attestations(self.name(), digest) else {
            return Ok(None);
        };
        let url = self.url(&path);
        let reply = self.send(&Request::get(path), &url)?;
        match reply.status {
            200 => Ok(Some(
                self.decoded(&url, self.api.read_attestations(&reply.body))?,
            )),
            404 => Ok(Some(0)),
            _ => Err(self.refused(&url, &reply)),
        }
    }

    /// What is asked and how it is read.
    pub(crate) fn api(&self) -> &'static dyn Api {
        self.api
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.home.api)
    }

    fn decoded<T>(&self, url: &str, read: Result<T, Unreadable>) -> Result<T, Error> {
        read.map_err(|error| {
            Error::unknown(
                Trouble::Garbled,
                format!("{url}: the answer is not the expected JSON: {error}"),
            )
        })
    }

    fn read<T>(
        &self,
        path: String,
        read: impl FnOnce(&[u8]) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        self.answer(&Request::get(path), read)
    }

    fn answer<T>(
        &self,
        request: &Request,
        read: impl FnOnce(&[u8]) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        let reply = self.ask(request)?;
        self.decoded(&self.url(&request.path), read(&reply.body))
    }

    /// Every page, or an error: a short list is never returned. `take` may say that
    /// it has enough.
    fn pages<T>(
        &self,
        first: &str,
        read: impl Fn(&[u8]) -> Result<T, Unreadable>,
        mut take: impl FnMut(T) -> bool,
    ) -> Result<(), Error> {
        let mut url = self.url(first);
        for _ in 0..MOST_PAGES {
            let reply = self.ask_at(&Request::get(String::new()), &url)?;
            if take(self.decoded(&url, read(&reply.body))?) {
                return Ok(());
            }
            match next_page(&url, &reply)? {
                Some(next) => url = next,
                None => return Ok(()),
            }
        }
        Err(Error::unknown(
            Trouble::Garbled,
            format!("{url}: the list does not end"),
        ))
    }

    /// A request whose answer is of the kind that was asked for.
    pub(crate) fn ask(&self, request: &Request) -> Result<Reply, Error> {
        self.ask_at(request, &self.url(&request.path))
    }

    fn ask_at(&self, request: &Request, url: &str) -> Result<Reply, Error> {
        let reply = self.send(request, url)?;
        match reply.status {
            200..300 => Ok(reply),
            _ => Err(self.refused(url, &reply)),
        }
    }

    fn send(&self, request: &Request, url: &str) -> Result<Reply, Error> {
        let body = request.body.as_ref();
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let mut headers = self.api.headers().to_vec();
        headers.extend(body.map(|_| ("content-type", "application/json")));
        let answered = self.client.send(&Call {
            method: method(request.method),
            url,
            headers: &headers,
            authorization: Some(&self.authorization),
            insecure: false,
            body: bytes.as_bytes(),
        })?;
        Ok(answered.reply)
    }

    /// What the forge's refusal means. It says 404 of what a token may not see.
    fn refused(&self, url: &str, reply: &Reply) -> Error {
        let (wanted, forge) = (self.wanted(), self.forge());
        let text = format!("{url}: HTTP {}: {}", reply.status, message(&reply.body));
        match reply.status {
            401 => Error::Denied(format!("{text}; the token is not valid, or no longer")),
            403 => Error::Denied(format!("{text}; {wanted}")),
            404 => Error::NotFound(format!(
                "{text}; {forge} says so of what is not there, and of what the token may not \
                 see: {wanted}"
            )),
            301 | 307 | 308 => Error::NotFound(format!(
                "{text}; the repository has another name now: write that one"
            )),
            400 | 409 | 410 | 422 => Error::Rejected(text),
            _ => told(Trouble::Garbled, url, reply),
        }
    }
}

fn method(method: forge::Method) -> Method {
    match method {
        forge::Method::Get => Method::Get,
        forge::Method::Patch => Method::Patch,
        forge::Method::Put => Method::Put,
        forge::Method::Create => Method::Create,
        forge::Method::Delete => Method::Delete,
    }
}
