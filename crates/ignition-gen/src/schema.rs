//! The one schema: every struct of Butane and Ignition, with the versions in
//! which a field exists.
//!
//! Versions are counted by the minor number of `fcos` (0 for 1.0.0, 8 for
//! 1.8.0-experimental). Fields stand in the order of the Ignition document,
//! which is also the order in which structs are walked for messages.

use crate::tree::Name::{self, *};

/// The newest version of the variant.
pub(crate) const NEWEST: u8 = 8;

/// Which side of the translation knows a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Both,
    Butane,
    Ignition,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Text that is empty when unset and always written.
    Required,
    /// Text that is empty when unset and then left out.
    Filled,
    /// Text that can be unset.
    Text,
    /// Text that is written as `null` when unset.
    Nullable,
    Int,
    /// A number that is zero when unset and then left out.
    Count,
    Bool,
    /// A list of texts; the name of the item type in messages.
    Texts(&'static str),
    /// A struct that is always there and left out when empty.
    Sub(&'static Def),
    /// A struct that can be absent and is written even when empty.
    Optional(&'static Def),
    List(&'static Def),
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub name: Name,
    pub kind: Kind,
    pub since: u8,
    pub until: u8,
    pub side: Side,
}

impl Field {
    pub(crate) fn in_butane(&self, minor: u8) -> bool {
        (self.since..=self.until).contains(&minor) && self.side != Side::Ignition
    }

    pub(crate) fn in_ignition(&self, minor: u8) -> bool {
        (self.since..=self.until).contains(&minor) && self.side != Side::Butane
    }
}

/// What makes an item of a list the same as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Items are never the same: lists are joined and may repeat.
    None,
    Field(Name),
    /// The number, or else the label.
    Partition,
}

/// A struct.
#[derive(Debug)]
pub(crate) struct Def {
    /// Name of the Go type, which YAML type errors mention; where version
    /// 1.0.0 had another, that one stands before a `|`.
    pub go: &'static str,
    pub key: Key,
    pub fields: &'static [Field],
}

impl PartialEq for &'static Def {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(*self, *other)
    }
}

impl Def {
    /// The field of that name, if both the version and the side have it.
    pub(crate) fn field(&self, name: Name, minor: u8, ignition: bool) -> Option<&Field> {
        let there = |field: &&Field| {
            if ignition {
                field.in_ignition(minor)
            } else {
                field.in_butane(minor)
            }
        };
        self.fields
            .iter()
            .filter(|field| field.name == name)
            .find(there)
    }

    /// The type as YAML type errors write it.
    pub(crate) fn go_type(&self, minor: u8) -> String {
        let name = match self.go.split_once('|') {
            Some((first, _)) if minor == 0 => first,
            Some((_, later)) => later,
            None => self.go,
        };
        let experimental = if minor == NEWEST { "_exp" } else { "" };
        match name.strip_prefix("fcos.") {
            Some(name) => format!("v1_{minor}{experimental}.{name}"),
            None if name.contains('.') => name.into(),
            // The base of 1.3.0 is the base of 1.2.0.
            None => format!(
                "v0_{}{experimental}.{name}",
                if minor < 3 { minor + 1 } else { minor }
            ),
        }
    }
}

const fn field(name: Name, kind: Kind) -> Field {
    Field {
        name,
        kind,
        since: 0,
        until: NEWEST,
        side: Side::Both,
    }
}

impl Field {
    const fn since(mut self, minor: u8) -> Self {
        self.since = minor;
        self
    }

    const fn until(mut self, minor: u8) -> Self {
        self.until = minor;
        self
    }

    const fn butane(mut self) -> Self {
        self.side = Side::Butane;
        self
    }

    const fn ignition(mut self) -> Self {
        self.side = Side::Ignition;
        self
    }
}

macro_rules! def {
    ($id:ident $go:literal $key:expr, [$($field:expr),* $(,)?]) => {
        pub(crate) static $id: Def = Def { go: $go, key: $key, fields: &[$($field),*] };
    };
}

use Kind::{Bool, Count, Filled, Int, List, Nullable, Optional, Required, Sub, Text, Texts};

def!(COMMON "config.commonFields" Key::None, [field(Version, Required).butane(), field(Variant, Required).butane()]);

def!(CONFIG "fcos.Config" Key::None, [
    field(Version, Required).butane(),
    field(Variant, Required).butane(),
    field(Ignition, Sub(&IGNITION)),
    field(KernelArguments, Sub(&KERNEL_ARGUMENTS)).since(4),
    field(Passwd, Sub(&PASSWD)),
    field(Storage, Sub(&STORAGE)),
    field(Systemd, Sub(&SYSTEMD)),
    field(BootDevice, Sub(&BOOT_DEVICE)).since(3).butane(),
    field(Grub, Sub(&GRUB)).since(5).butane(),
]);

def!(IGNITION "Ignition" Key::None, [
    field(Config, Sub(&IGNITION_CONFIG)),
    field(Proxy, Sub(&PROXY)).since(1),
    field(Security, Sub(&SECURITY)),
    field(Timeouts, Sub(&TIMEOUTS)),
    field(Version, Filled).ignition(),
]);
def!(IGNITION_CONFIG "IgnitionConfig" Key::None, [field(Merge, List(&RESOURCE)), field(Replace, Sub(&RESOURCE))]);
def!(PROXY "Proxy" Key::None, [field(HttpProxy, Text), field(HttpsProxy, Text), field(NoProxy, Texts("string"))]);
def!(SECURITY "Security" Key::None, [field(Tls, Sub(&TLS))]);
def!(TLS "TLS" Key::None, [field(CertificateAuthorities, List(&AUTHORITY))]);
def!(TIMEOUTS "Timeouts" Key::None, [field(HttpResponseHeaders, Int), field(HttpTotal, Int)]);

def!(RESOURCE "ConfigReference|Resource" Key::Field(Source), [
    field(Compression, Text).since(1),
    field(HttpHeaders, List(&HEADER)).since(1),
    field(Source, Nullable).until(0),
    field(Source, Text).since(1),
    field(Inline, Text).since(1).butane(),
    field(Local, Text).since(1).butane(),
    field(Verification, Sub(&VERIFICATION)),
]);
// 1.0.0 has types of their own for authorities and for contents.
def!(AUTHORITY "CaReference|Resource" Key::Field(Source), [
    field(Compression, Text).since(1),
    field(HttpHeaders, List(&HEADER)).since(1),
    field(Source, Required).until(0),
    field(Source, Text).since(1),
    field(Inline, Text).since(1).butane(),
    field(Local, Text).since(1).butane(),
    field(Verification, Sub(&VERIFICATION)),
]);
def!(CONTENTS "FileContents|Resource" Key::Field(Source), [
    field(Compression, Text),
    field(HttpHeaders, List(&HEADER)).since(1),
    field(Source, Text),
    field(Inline, Text).butane(),
    field(Local, Text).since(1).butane(),
    field(Verification, Sub(&VERIFICATION)),
]);
def!(HEADER "HTTPHeader" Key::Field(Called), [field(Called, Required), field(Value, Text)]);
def!(VERIFICATION "Verification" Key::None, [field(Hash, Text)]);

def!(KERNEL_ARGUMENTS "KernelArguments" Key::None, [
    field(ShouldExist, Texts("KernelArgument")),
    field(ShouldNotExist, Texts("KernelArgument")),
]);

def!(PASSWD "Passwd" Key::None, [field(Groups, List(&PASSWD_GROUP)), field(Users, List(&PASSWD_USER))]);
def!(PASSWD_GROUP "PasswdGroup" Key::Field(Called), [
    field(Gid, Int),
    field(Called, Required),
    field(PasswordHash, Text),
    field(ShouldExist, Bool).since(2),
    field(System, Bool),
]);
def!(PASSWD_USER "PasswdUser" Key::Field(Called), [
    field(Gecos, Text),
    field(Groups, Texts("Group")),
    field(HomeDir, Text),
    field(Called, Required),
    field(NoCreateHome, Bool),
    field(NoLogInit, Bool),
    field(NoUserGroup, Bool),
    field(PasswordHash, Text),
    field(PrimaryGroup, Text),
    field(SshAuthorizedKeys, Texts("SSHAuthorizedKey")),
    field(SshAuthorizedKeysLocal, Texts("string")).since(5).butane(),
    field(Shell, Text),
    field(ShouldExist, Bool).since(2),
    field(System, Bool),
    field(Uid, Int),
]);

def!(STORAGE "Storage" Key::None, [
    field(Directories, List(&DIRECTORY)),
    field(Disks, List(&DISK)),
    field(Files, List(&FILE)),
    field(Filesystems, List(&FILESYSTEM)),
    field(Links, List(&LINK)),
    field(Luks, List(&LUKS)).since(2),
    field(Raid, List(&RAID)),
    field(Trees, List(&TREE)).since(1).butane(),
]);
def!(NODE_GROUP "NodeGroup" Key::None, [field(Id, Int), field(Called, Text)]);
def!(NODE_USER "NodeUser" Key::None, [field(Id, Int), field(Called, Text)]);
def!(DIRECTORY "Directory" Key::Field(Path), [
    field(Group, Sub(&NODE_GROUP)),
    field(Overwrite, Bool),
    field(Path, Required),
    field(User, Sub(&NODE_USER)),
    field(Mode, Int),
]);
def!(FILE "File" Key::Field(Path), [
    field(Group, Sub(&NODE_GROUP)),
    field(Overwrite, Bool),
    field(Path, Required),
    field(User, Sub(&NODE_USER)),
    field(Append, List(&CONTENTS)),
    field(Contents, Sub(&CONTENTS)),
    field(Mode, Int),
]);
def!(LINK "Link" Key::Field(Path), [
    field(Group, Sub(&NODE_GROUP)),
    field(Overwrite, Bool),
    field(Path, Required),
    field(User, Sub(&NODE_USER)),
    field(Hard, Bool),
    field(Target, Required).until(3),
    field(Target, Text).since(4),
]);
def!(DISK "Disk" Key::Field(Device), [
    field(Device, Required),
    field(Partitions, List(&PARTITION)),
    field(WipeTable, Bool),
]);
def!(PARTITION "Partition" Key::Partition, [
    field(Guid, Text),
    field(Label, Text),
    field(Number, Count),
    field(Resize, Bool).since(2),
    field(ShouldExist, Bool),
    field(SizeMib, Int),
    field(StartMib, Int),
    field(TypeGuid, Text),
    field(WipePartitionEntry, Bool),
]);
def!(FILESYSTEM "Filesystem" Key::Field(Device), [
    field(Device, Required),
    field(Format, Text),
    field(Label, Text),
    field(MountOptions, Texts("string")).since(1),
    field(Options, Texts("FilesystemOption|string")),
    field(Path, Text),
    field(Uuid, Text),
    field(WipeFilesystem, Bool),
    field(WithMountUnit, Bool).since(1).butane(),
]);
def!(LUKS "Luks" Key::Field(Called), [
    field(Cex, Sub(&CEX)).since(6),
    field(Clevis, Optional(&CLEVIS)).until(3),
    field(Clevis, Sub(&CLEVIS)).since(4),
    field(Device, Text),
    field(Discard, Bool).since(5),
    field(KeyFile, Sub(&CONTENTS)),
    field(Label, Text),
    field(Called, Required),
    field(OpenOptions, Texts("string")).since(5),
    field(Options, Texts("string")),
    field(Uuid, Text),
    field(WipeVolume, Bool),
]);
def!(CEX "Cex" Key::None, [field(Enabled, Bool)]);
def!(CLEVIS "Clevis" Key::None, [
    field(Custom, Optional(&CUSTOM)).until(3),
    field(Custom, Sub(&CUSTOM)).since(4),
    field(Tang, List(&TANG)),
    field(Threshold, Int),
    field(Tpm2, Bool),
]);
def!(CUSTOM "Custom|ClevisCustom" Key::None, [
    field(Config, Required).until(3),
    field(Config, Text).since(4),
    field(NeedsNetwork, Bool),
    field(Pin, Required).until(3),
    field(Pin, Text).since(4),
]);
def!(TANG "Tang" Key::Field(Url), [
    field(Advertisement, Text).since(5),
    field(Thumbprint, Text),
    field(Url, Filled),
]);
def!(RAID "Raid" Key::Field(Called), [
    field(Devices, Texts("Device")),
    field(Level, Required).until(3),
    field(Level, Text).since(4),
    field(Called, Required),
    field(Options, Texts("RaidOption")),
    field(Spares, Int),
]);
def!(TREE "Tree" Key::None, [
    field(Group, Sub(&NODE_GROUP)).since(7).butane(),
    field(Local, Required).butane(),
    field(Path, Text).butane(),
    field(User, Sub(&NODE_USER)).since(7).butane(),
    field(FileMode, Int).since(7).butane(),
    field(DirMode, Int).since(7).butane(),
]);

def!(SYSTEMD "Systemd" Key::None, [
    field(Units, List(&UNIT)),
    field(Quadlets, List(&QUADLET)).since(8).butane(),
]);
def!(UNIT "Unit" Key::Field(Called), [
    field(Contents, Text),
    field(ContentsLocal, Text).since(5).butane(),
    field(Dropins, List(&DROPIN)),
    field(Enabled, Bool),
    field(Mask, Bool),
    field(Called, Required),
]);
def!(DROPIN "Dropin" Key::Field(Called), [
    field(Contents, Text),
    field(ContentsLocal, Text).since(5).butane(),
    field(Called, Required),
]);
def!(QUADLET "Quadlet" Key::None, [
    field(Contents, Text).butane(),
    field(ContentsLocal, Text).butane(),
    field(Dropins, List(&DROPIN)).butane(),
    field(Called, Required).butane(),
    field(Rootful, Bool).butane(),
]);

def!(BOOT_DEVICE "fcos.BootDevice" Key::None, [
    field(Layout, Text).butane(),
    field(Luks, Sub(&BOOT_LUKS)).butane(),
    field(Mirror, Sub(&BOOT_MIRROR)).butane(),
]);
def!(BOOT_LUKS "fcos.BootDeviceLuks" Key::None, [
    field(Cex, Sub(&CEX)).since(6).butane(),
    field(Discard, Bool).since(5).butane(),
    field(Device, Text).since(6).butane(),
    field(Tang, List(&TANG)).butane(),
    field(Threshold, Int).butane(),
    field(Tpm2, Bool).butane(),
]);
def!(BOOT_MIRROR "fcos.BootDeviceMirror" Key::None, [field(Devices, Texts("string")).butane()]);
def!(GRUB "fcos.Grub" Key::None, [field(Users, List(&GRUB_USER)).butane()]);
def!(GRUB_USER "fcos.GrubUser" Key::None, [field(Called, Filled).butane(), field(PasswordHash, Text).butane()]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_and_go() {
        assert!(CONFIG.field(BootDevice, 2, false).is_none());
        assert!(CONFIG.field(BootDevice, 3, false).is_some());
        assert!(CONFIG.field(BootDevice, 3, true).is_none());
        assert!(matches!(
            LINK.field(Target, 3, true),
            Some(Field { kind: Required, .. })
        ));
        assert!(matches!(
            LINK.field(Target, 4, true),
            Some(Field { kind: Text, .. })
        ));
    }

    #[test]
    fn types_carry_the_version() {
        assert_eq!(FILE.go_type(7), "v0_7.File");
        assert_eq!(CONTENTS.go_type(0), "v0_1.FileContents");
        assert_eq!(CONTENTS.go_type(8), "v0_8_exp.Resource");
        assert_eq!(GRUB.go_type(5), "v1_5.Grub");
        assert_eq!(COMMON.go_type(5), "config.commonFields");
    }
}
