//! The value tree that both sides of the translation share, and the paths by
//! which messages and positions refer to it.

use std::rc::Rc;

macro_rules! names {
    ($($id:ident $yaml:literal $json:literal,)*) => {
        /// The name of a field; one list serves every struct of both schemas.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(clippy::enum_variant_names, reason = "one of the fields is called `name`")]
        pub(crate) enum Name { $($id,)* }

        impl Name {
            /// The name in Butane.
            pub(crate) fn yaml(self) -> &'static str {
                match self { $(Name::$id => $yaml,)* }
            }

            /// The name in Ignition.
            pub(crate) fn json(self) -> &'static str {
                match self { $(Name::$id => $json,)* }
            }
        }
    };
}

names! {
    Advertisement "advertisement" "advertisement",
    Append "append" "append",
    BootDevice "boot_device" "bootDevice",
    CertificateAuthorities "certificate_authorities" "certificateAuthorities",
    Cex "cex" "cex",
    Clevis "clevis" "clevis",
    Compression "compression" "compression",
    Config "config" "config",
    Contents "contents" "contents",
    ContentsLocal "contents_local" "contentsLocal",
    Custom "custom" "custom",
    Device "device" "device",
    Devices "devices" "devices",
    Directories "directories" "directories",
    DirMode "dir_mode" "dirMode",
    Discard "discard" "discard",
    Disks "disks" "disks",
    Dropins "dropins" "dropins",
    Enabled "enabled" "enabled",
    FileMode "file_mode" "fileMode",
    Files "files" "files",
    Filesystems "filesystems" "filesystems",
    Format "format" "format",
    Gecos "gecos" "gecos",
    Gid "gid" "gid",
    Group "group" "group",
    Groups "groups" "groups",
    Grub "grub" "grub",
    Guid "guid" "guid",
    Hard "hard" "hard",
    Hash "hash" "hash",
    HomeDir "home_dir" "homeDir",
    HttpHeaders "http_headers" "httpHeaders",
    HttpProxy "http_proxy" "httpProxy",
    HttpResponseHeaders "http_response_headers" "httpResponseHeaders",
    HttpsProxy "https_proxy" "httpsProxy",
    HttpTotal "http_total" "httpTotal",
    Id "id" "id",
    Ignition "ignition" "ignition",
    Inline "inline" "inline",
    KernelArguments "kernel_arguments" "kernelArguments",
    KeyFile "key_file" "keyFile",
    Label "label" "label",
    Layout "layout" "layout",
    Level "level" "level",
    Links "links" "links",
    Local "local" "local",
    Luks "luks" "luks",
    Mask "mask" "mask",
    Merge "merge" "merge",
    Mirror "mirror" "mirror",
    Mode "mode" "mode",
    MountOptions "mount_options" "mountOptions",
    Name "name" "name",
    NeedsNetwork "needs_network" "needsNetwork",
    NoCreateHome "no_create_home" "noCreateHome",
    NoLogInit "no_log_init" "noLogInit",
    NoProxy "no_proxy" "noProxy",
    NoUserGroup "no_user_group" "noUserGroup",
    Number "number" "number",
    OpenOptions "open_options" "openOptions",
    Options "options" "options",
    Overwrite "overwrite" "overwrite",
    Partitions "partitions" "partitions",
    Passwd "passwd" "passwd",
    PasswordHash "password_hash" "passwordHash",
    Path "path" "path",
    Pin "pin" "pin",
    PrimaryGroup "primary_group" "primaryGroup",
    Proxy "proxy" "proxy",
    Quadlets "quadlets" "quadlets",
    Raid "raid" "raid",
    Replace "replace" "replace",
    Resize "resize" "resize",
    Rootful "rootful" "rootful",
    Security "security" "security",
    Shell "shell" "shell",
    ShouldExist "should_exist" "shouldExist",
    ShouldNotExist "should_not_exist" "shouldNotExist",
    SizeMib "size_mib" "sizeMiB",
    Source "source" "source",
    Spares "spares" "spares",
    SshAuthorizedKeys "ssh_authorized_keys" "sshAuthorizedKeys",
    SshAuthorizedKeysLocal "ssh_authorized_keys_local" "sshAuthorizedKeysLocal",
    StartMib "start_mib" "startMiB",
    Storage "storage" "storage",
    System "system" "system",
    Systemd "systemd" "systemd",
    Tang "tang" "tang",
    Target "target" "target",
    Threshold "threshold" "threshold",
    Thumbprint "thumbprint" "thumbprint",
    Timeouts "timeouts" "timeouts",
    Tls "tls" "tls",
    Tpm2 "tpm2" "tpm2",
    Trees "trees" "trees",
    TypeGuid "type_guid" "typeGuid",
    Uid "uid" "uid",
    Units "units" "units",
    Url "url" "url",
    User "user" "user",
    Users "users" "users",
    Uuid "uuid" "uuid",
    Value "value" "value",
    Variant "variant" "variant",
    Verification "verification" "verification",
    Version "version" "version",
    WipeFilesystem "wipe_filesystem" "wipeFilesystem",
    WipePartitionEntry "wipe_partition_entry" "wipePartitionEntry",
    WipeTable "wipe_table" "wipeTable",
    WipeVolume "wipe_volume" "wipeVolume",
    WithMountUnit "with_mount_unit" "withMountUnit",
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Field(Name),
    Index(usize),
    /// A key that no schema knows; positions refer to the key, not its value.
    Key(Rc<str>),
}

impl From<Name> for Step {
    fn from(name: Name) -> Self {
        Step::Field(name)
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// A path in the Butane config, as an index into [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathId(u32);

impl PathId {
    /// The whole config.
    pub(crate) const ROOT: PathId = PathId(0);
    /// No path: a value that has no counterpart in the Butane config.
    pub(crate) const NONE: PathId = PathId(u32::MAX);

    pub(crate) fn is_some(self) -> bool {
        self != PathId::NONE
    }
}

/// All Butane paths of one translation, each as its parent and one step, so
/// that a value's origin costs four bytes.
#[derive(Debug)]
pub(crate) struct Paths(Vec<(PathId, Step)>);

impl Paths {
    pub(crate) fn new() -> Self {
        Paths(vec![(PathId::NONE, Step::Index(0))])
    }

    pub(crate) fn child(&mut self, parent: PathId, step: impl Into<Step>) -> PathId {
        if !parent.is_some() {
            return PathId::NONE;
        }
        match u32::try_from(self.0.len()) {
            Ok(id) if id < u32::MAX => {
                self.0.push((parent, step.into()));
                PathId(id)
            }
            _ => parent,
        }
    }

    /// The steps from the root.
    pub(crate) fn steps(&self, id: PathId) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = id;
        while at.is_some() && at != PathId::ROOT {
            let (parent, step) = &self.0[at.0 as usize];
            steps.push(step.clone());
            at = *parent;
        }
        steps.reverse();
        steps
    }
}

/// The text of a path, with the names of the YAML or the JSON side.
pub(crate) fn path_text(steps: &[Step], json: bool) -> String {
    let mut text = String::from("$");
    for step in steps {
        text.push('.');
        match step {
            Step::Field(name) => text.push_str(if json { name.json() } else { name.yaml() }),
            Step::Index(index) => text.push_str(&index.to_string()),
            Step::Key(key) => text.push_str(key),
        }
    }
    text
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Text(Rc<str>),
    /// Text with bytes that are no UTF-8, as they are and as text.
    Raw {
        bytes: Rc<[u8]>,
        text: Rc<str>,
    },
    List(Vec<Node>),
    /// Only fields that are set, in no particular order.
    Fields(Vec<(Name, Node)>),
}

impl Value {
    /// Text from bytes, which need not be valid.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Value::Text(text.into()),
            Err(error) => {
                let bytes = error.into_bytes();
                let text = String::from_utf8_lossy(&bytes).into();
                Value::Raw {
                    bytes: bytes.into(),
                    text,
                }
            }
        }
    }
}

/// A value and the Butane path that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    pub from: PathId,
}

impl Node {
    pub(crate) fn new(value: Value, from: PathId) -> Self {
        Node { value, from }
    }

    pub(crate) fn text(text: impl Into<Rc<str>>, from: PathId) -> Self {
        Node::new(Value::Text(text.into()), from)
    }

    pub(crate) fn int(value: i64, from: PathId) -> Self {
        Node::new(Value::Int(value), from)
    }

    pub(crate) fn bool(value: bool, from: PathId) -> Self {
        Node::new(Value::Bool(value), from)
    }

    pub(crate) fn list(items: Vec<Node>, from: PathId) -> Self {
        Node::new(Value::List(items), from)
    }

    pub(crate) fn fields(fields: Vec<(Name, Node)>, from: PathId) -> Self {
        Node::new(Value::Fields(fields), from)
    }

    pub(crate) fn get(&self, name: Name) -> Option<&Node> {
        match &self.value {
            Value::Fields(fields) => fields
                .iter()
                .find(|(field, _)| *field == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, name: Name) -> Option<&mut Node> {
        match &mut self.value {
            Value::Fields(fields) => fields
                .iter_mut()
                .find(|(field, _)| *field == name)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    pub(crate) fn set(&mut self, name: Name, node: Node) {
        if let Value::Fields(fields) = &mut self.value {
            match fields.iter_mut().find(|(field, _)| *field == name) {
                Some((_, old)) => *old = node,
                None => fields.push((name, node)),
            }
        }
    }

    pub(crate) fn take(&mut self, name: Name) -> Option<Node> {
        match &mut self.value {
            Value::Fields(fields) => {
                let at = fields.iter().position(|(field, _)| *field == name)?;
                Some(fields.swap_remove(at).1)
            }
            _ => None,
        }
    }

    pub(crate) fn at(&self, names: &[Name]) -> Option<&Node> {
        names.iter().try_fold(self, |node, name| node.get(*name))
    }

    pub(crate) fn as_text(&self) -> Option<&Rc<str>> {
        match &self.value {
            Value::Text(text) | Value::Raw { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A text's bytes.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Text(text) => Some(text.as_bytes()),
            Value::Raw { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// A field's text, `None` if unset.
    pub(crate) fn str(&self, name: Name) -> Option<&str> {
        self.get(name).and_then(Node::as_text).map(|text| &**text)
    }

    /// A field's text, empty if unset.
    pub(crate) fn str_or_empty(&self, name: Name) -> &str {
        self.str(name).unwrap_or_default()
    }

    pub(crate) fn int_of(&self, name: Name) -> Option<i64> {
        match self.get(name)?.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn bool_of(&self, name: Name) -> Option<bool> {
        match self.get(name)?.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self, name: Name) -> bool {
        self.bool_of(name) == Some(true)
    }

    /// A field's items, none if unset.
    pub(crate) fn items(&self, name: Name) -> &[Node] {
        self.get(name).map_or(&[], Node::entries)
    }

    pub(crate) fn items_mut(&mut self, name: Name) -> &mut [Node] {
        match self.get_mut(name) {
            Some(Node {
                value: Value::List(items),
                ..
            }) => items,
            _ => &mut [],
        }
    }

    /// The items of a list.
    pub(crate) fn entries(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shared_tails() {
        let mut paths = Paths::new();
        let storage = paths.child(PathId::ROOT, Name::Storage);
        let files = paths.child(storage, Name::Files);
        let third = paths.child(files, 3);
        let file = paths.child(third, Name::HttpHeaders);
        assert_eq!(
            path_text(&paths.steps(file), false),
            "$.storage.files.3.http_headers"
        );
        assert_eq!(
            path_text(&paths.steps(file), true),
            "$.storage.files.3.httpHeaders"
        );
        assert_eq!(path_text(&paths.steps(PathId::ROOT), false), "$");
        assert_eq!(paths.child(PathId::NONE, 1), PathId::NONE);
    }

    #[test]
    fn fields_are_set_once() {
        let mut node = Node::fields(Vec::new(), PathId::ROOT);
        node.set(Name::Path, Node::text("a", PathId::NONE));
        node.set(Name::Path, Node::text("b", PathId::NONE));
        assert_eq!(node.str(Name::Path), Some("b"));
        assert_eq!(
            node.take(Name::Path)
                .and_then(|node| node.as_text().cloned())
                .as_deref(),
            Some("b")
        );
        assert_eq!(node.str(Name::Path), None);
    }
}
