//! Container packages and their versions.

use remote::loopback::{Reply, Request};
use serde_json::{Value, json};

use super::{State, Stored, error, json_reply, page, simple, value};

impl State {
    pub(super) fn packages_api(&mut self, request: &Request, path: &str, query: &str) -> Reply {
        let package = format!("packages/container/{}", self.name.replace('/', "%2F"));
        let places = match self.kind {
            "Organization" => vec![format!("/orgs/{}/{package}", self.owner)],
            _ => {
                let mut places = vec![format!("/users/{}/{package}", self.owner)];
                places.extend(self.user.map(|_| format!("/user/{package}")));
                places
            }
        };
        if path.starts_with("/user/") && self.user.is_none() {
            return error(403, "Resource not accessible by integration");
        }
        let rest = places
            .iter()
            .find_map(|place| path.strip_prefix(place.as_str()));
        let parts: Vec<&str> = rest.unwrap_or("/?").split('/').skip(1).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", []) => self.package(path),
            ("GET", ["versions"]) => self.list(query, request),
            ("GET", ["versions", id]) => match self.find(id, false) {
                Some(at) => json_reply(200, &self.version(at)),
                None => error(404, "Package not found."),
            },
            ("DELETE", ["versions", id]) => self.delete(id),
            ("POST", ["versions", id, "restore"]) => match self.find(id, true) {
                Some(at) => {
                    self.versions[at].deleted = false;
                    Reply::new(204, "text/plain", "")
                }
                None => error(404, "Package not found."),
            },
            _ => error(404, "Not Found"),
        }
    }

    fn find(&self, id: &str, deleted: bool) -> Option<usize> {
        let id: u64 = id.parse().ok()?;
        let like = |v: &Stored| v.id == id && v.deleted == deleted;
        self.versions.iter().position(like)
    }

    fn delete(&mut self, id: &str) -> Reply {
        let active = self.versions.iter().filter(|v| !v.deleted).count();
        match self.find(id, false) {
            Some(_) if !self.may_delete => error(404, "Package not found."),
            None => error(404, "Package not found."),
            Some(_) if active == 1 => error(
                400,
                "You cannot delete the last version of a package. You must delete the package instead.",
            ),
            Some(at) if self.versions[at].popular => error(
                400,
                "Publicly visible package versions with more than 5000 downloads cannot be deleted. Contact GitHub support for further assistance.",
            ),
            Some(at) => {
                self.versions[at].deleted = true;
                Reply::new(204, "text/plain", "")
            }
        }
    }

    fn package(&self, path: &str) -> Reply {
        let active = self.versions.iter().filter(|v| !v.deleted).count() as u64;
        let package = json!({
            "id": 1, "name": self.name, "package_type": "container", "visibility": "private",
            "url": format!("https://api.github.com{path}"), "html_url": "https://github.com/x",
            "version_count": active + self.hidden,
            "owner": simple(self.user.unwrap_or(self.owner), self.kind),
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        });
        json_reply(200, &package)
    }

    fn list(&self, query: &str, request: &Request) -> Reply {
        let deleted = value(query, "state") == Some("deleted");
        // Newest first, as GitHub lists them.
        let like = |at: &usize| self.versions[*at].deleted == deleted;
        let all = (0..self.versions.len()).rev().filter(like);
        let list: Vec<Value> = all.map(|at| self.version(at)).collect();
        page(&list, self.page, request, |list| json!(list))
    }

    fn version(&self, at: usize) -> Value {
        let version = &self.versions[at];
        json!({
            "id": version.id, "name": version.digest,
            "url": "https://api.github.com/x", "package_html_url": "https://github.com/x",
            "created_at": version.at, "updated_at": version.at,
            "metadata": {"package_type": "container", "container": {"tags": version.tags}},
        })
    }
}
