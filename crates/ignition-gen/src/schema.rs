//! The one schema: every struct of Butane and Ignition, with the versions in
//! which a field exists.
//!
//! Versions are counted by the minor number of `fcos` (0 for 1.0.0, 8 for
//! 1.8.0-experimental). Fields stand in the order of the Ignition document,
//! which is also the order in which structs are walked for messages.

use crate::tree::Name;

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
    OmitEmptyText,
    /// Text that can be unset.
    Text,
    /// Text that is written as `null` when unset.
    Nullable,
    Int,
    /// A number that is zero when unset and then left out.
    OmitZeroInt,
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
        if name == "string" {
            return name.into();
        }
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

use Kind::{
    Bool, Int, List, Nullable, OmitEmptyText, OmitZeroInt, Optional, Required, Sub, Text, Texts,
};

def!(COMMON "config.commonFields" Key::None, [
    field(Name::Version, Required).butane(),
    field(Name::Variant, Required).butane(),
]);

def!(CONFIG "fcos.Config" Key::None, [
    field(Name::Version, Required).butane(),
    field(Name::Variant, Required).butane(),
    field(Name::Ignition, Sub(&IGNITION)),
    field(Name::KernelArguments, Sub(&KERNEL_ARGUMENTS)).since(4),
    field(Name::Passwd, Sub(&PASSWD)),
    field(Name::Storage, Sub(&STORAGE)),
    field(Name::Systemd, Sub(&SYSTEMD)),
    field(Name::BootDevice, Sub(&BOOT_DEVICE)).since(3).butane(),
    field(Name::Grub, Sub(&GRUB)).since(5).butane(),
]);

def!(IGNITION "Ignition" Key::None, [
    field(Name::Config, Sub(&IGNITION_CONFIG)),
    field(Name::Proxy, Sub(&PROXY)).since(1),
    field(Name::Security, Sub(&SECURITY)),
    field(Name::Timeouts, Sub(&TIMEOUTS)),
    field(Name::Version, OmitEmptyText).ignition(),
]);
def!(IGNITION_CONFIG "IgnitionConfig" Key::None, [
    field(Name::Merge, List(&RESOURCE)),
    field(Name::Replace, Sub(&RESOURCE)),
]);
def!(PROXY "Proxy" Key::None, [
    field(Name::HttpProxy, Text),
    field(Name::HttpsProxy, Text),
    field(Name::NoProxy, Texts("string")),
]);
def!(SECURITY "Security" Key::None, [field(Name::Tls, Sub(&TLS))]);
def!(TLS "TLS" Key::None, [field(Name::CertificateAuthorities, List(&AUTHORITY))]);
def!(TIMEOUTS "Timeouts" Key::None, [
    field(Name::HttpResponseHeaders, Int),
    field(Name::HttpTotal, Int),
]);

def!(RESOURCE "ConfigReference|Resource" Key::Field(Name::Source), [
    field(Name::Compression, Text).since(1),
    field(Name::HttpHeaders, List(&HEADER)).since(1),
    field(Name::Source, Nullable).until(0),
    field(Name::Source, Text).since(1),
    field(Name::Inline, Text).since(1).butane(),
    field(Name::Local, Text).since(1).butane(),
    field(Name::Verification, Sub(&VERIFICATION)),
]);
// 1.0.0 has types of their own for authorities and for contents.
def!(AUTHORITY "CaReference|Resource" Key::Field(Name::Source), [
    field(Name::Compression, Text).since(1),
    field(Name::HttpHeaders, List(&HEADER)).since(1),
    field(Name::Source, Required).until(0),
    field(Name::Source, Text).since(1),
    field(Name::Inline, Text).since(1).butane(),
    field(Name::Local, Text).since(1).butane(),
    field(Name::Verification, Sub(&VERIFICATION)),
]);
def!(CONTENTS "FileContents|Resource" Key::Field(Name::Source), [
    field(Name::Compression, Text),
    field(Name::HttpHeaders, List(&HEADER)).since(1),
    field(Name::Source, Text),
    field(Name::Inline, Text).butane(),
    field(Name::Local, Text).since(1).butane(),
    field(Name::Verification, Sub(&VERIFICATION)),
]);
def!(HEADER "HTTPHeader" Key::Field(Name::Name), [
    field(Name::Name, Required),
    field(Name::Value, Text),
]);
def!(VERIFICATION "Verification" Key::None, [field(Name::Hash, Text)]);

def!(KERNEL_ARGUMENTS "KernelArguments" Key::None, [
    field(Name::ShouldExist, Texts("KernelArgument")),
    field(Name::ShouldNotExist, Texts("KernelArgument")),
]);

def!(PASSWD "Passwd" Key::None, [
    field(Name::Groups, List(&PASSWD_GROUP)),
    field(Name::Users, List(&PASSWD_USER)),
]);
def!(PASSWD_GROUP "PasswdGroup" Key::Field(Name::Name), [
    field(Name::Gid, Int),
    field(Name::Name, Required),
    field(Name::PasswordHash, Text),
    field(Name::ShouldExist, Bool).since(2),
    field(Name::System, Bool),
]);
def!(PASSWD_USER "PasswdUser" Key::Field(Name::Name), [
    field(Name::Gecos, Text),
    field(Name::Groups, Texts("Group")),
    field(Name::HomeDir, Text),
    field(Name::Name, Required),
    field(Name::NoCreateHome, Bool),
    field(Name::NoLogInit, Bool),
    field(Name::NoUserGroup, Bool),
    field(Name::PasswordHash, Text),
    field(Name::PrimaryGroup, Text),
    field(Name::SshAuthorizedKeys, Texts("SSHAuthorizedKey")),
    field(Name::SshAuthorizedKeysLocal, Texts("string")).since(5).butane(),
    field(Name::Shell, Text),
    field(Name::ShouldExist, Bool).since(2),
    field(Name::System, Bool),
    field(Name::Uid, Int),
]);

def!(STORAGE "Storage" Key::None, [
    field(Name::Directories, List(&DIRECTORY)),
    field(Name::Disks, List(&DISK)),
    field(Name::Files, List(&FILE)),
    field(Name::Filesystems, List(&FILESYSTEM)),
    field(Name::Links, List(&LINK)),
    field(Name::Luks, List(&LUKS)).since(2),
    field(Name::Raid, List(&RAID)),
    field(Name::Trees, List(&TREE)).since(1).butane(),
]);
def!(NODE_GROUP "NodeGroup" Key::None, [field(Name::Id, Int), field(Name::Name, Text)]);
def!(NODE_USER "NodeUser" Key::None, [field(Name::Id, Int), field(Name::Name, Text)]);
def!(DIRECTORY "Directory" Key::Field(Name::Path), [
    field(Name::Group, Sub(&NODE_GROUP)),
    field(Name::Overwrite, Bool),
    field(Name::Path, Required),
    field(Name::User, Sub(&NODE_USER)),
    field(Name::Mode, Int),
]);
def!(FILE "File" Key::Field(Name::Path), [
    field(Name::Group, Sub(&NODE_GROUP)),
    field(Name::Overwrite, Bool),
    field(Name::Path, Required),
    field(Name::User, Sub(&NODE_USER)),
    field(Name::Append, List(&CONTENTS)),
    field(Name::Contents, Sub(&CONTENTS)),
    field(Name::Mode, Int),
]);
def!(LINK "Link" Key::Field(Name::Path), [
    field(Name::Group, Sub(&NODE_GROUP)),
    field(Name::Overwrite, Bool),
    field(Name::Path, Required),
    field(Name::User, Sub(&NODE_USER)),
    field(Name::Hard, Bool),
    field(Name::Target, Required).until(3),
    field(Name::Target, Text).since(4),
]);
def!(DISK "Disk" Key::Field(Name::Device), [
    field(Name::Device, Required),
    field(Name::Partitions, List(&PARTITION)),
    field(Name::WipeTable, Bool),
]);
def!(PARTITION "Partition" Key::Partition, [
    field(Name::Guid, Text),
    field(Name::Label, Text),
    field(Name::Number, OmitZeroInt),
    field(Name::Resize, Bool).since(2),
    field(Name::ShouldExist, Bool),
    field(Name::SizeMib, Int),
    field(Name::StartMib, Int),
    field(Name::TypeGuid, Text),
    field(Name::WipePartitionEntry, Bool),
]);
def!(FILESYSTEM "Filesystem" Key::Field(Name::Device), [
    field(Name::Device, Required),
    field(Name::Format, Text),
    field(Name::Label, Text),
    field(Name::MountOptions, Texts("string")).since(1),
    field(Name::Options, Texts("FilesystemOption|string")),
    field(Name::Path, Text),
    field(Name::Uuid, Text),
    field(Name::WipeFilesystem, Bool),
    field(Name::WithMountUnit, Bool).since(1).butane(),
]);
def!(LUKS "Luks" Key::Field(Name::Name), [
    field(Name::Cex, Sub(&CEX)).since(6),
    field(Name::Clevis, Optional(&CLEVIS)).until(3),
    field(Name::Clevis, Sub(&CLEVIS)).since(4),
    field(Name::Device, Text),
    field(Name::Discard, Bool).since(5),
    field(Name::KeyFile, Sub(&CONTENTS)),
    field(Name::Label, Text),
    field(Name::Name, Required),
    field(Name::OpenOptions, Texts("string")).since(5),
    field(Name::Options, Texts("string")),
    field(Name::Uuid, Text),
    field(Name::WipeVolume, Bool),
]);
def!(CEX "Cex" Key::None, [field(Name::Enabled, Bool)]);
def!(CLEVIS "Clevis" Key::None, [
    field(Name::Custom, Optional(&CUSTOM)).until(3),
    field(Name::Custom, Sub(&CUSTOM)).since(4),
    field(Name::Tang, List(&TANG)),
    field(Name::Threshold, Int),
    field(Name::Tpm2, Bool),
]);
def!(CUSTOM "Custom|ClevisCustom" Key::None, [
    field(Name::Config, Required).until(3),
    field(Name::Config, Text).since(4),
    field(Name::NeedsNetwork, Bool),
    field(Name::Pin, Required).until(3),
    field(Name::Pin, Text).since(4),
]);
def!(TANG "Tang" Key::Field(Name::Url), [
    field(Name::Advertisement, Text).since(5),
    field(Name::Thumbprint, Text),
    field(Name::Url, OmitEmptyText),
]);
def!(RAID "Raid" Key::Field(Name::Name), [
    field(Name::Devices, Texts("Device")),
    field(Name::Level, Required).until(3),
    field(Name::Level, Text).since(4),
    field(Name::Name, Required),
    field(Name::Options, Texts("RaidOption")),
    field(Name::Spares, Int),
]);
def!(TREE "Tree" Key::None, [
    field(Name::Group, Sub(&NODE_GROUP)).since(7).butane(),
    field(Name::Local, Required).butane(),
    field(Name::Path, Text).butane(),
    field(Name::User, Sub(&NODE_USER)).since(7).butane(),
    field(Name::FileMode, Int).since(7).butane(),
    field(Name::DirMode, Int).since(7).butane(),
]);

def!(SYSTEMD "Systemd" Key::None, [
    field(Name::Units, List(&UNIT)),
    field(Name::Quadlets, List(&QUADLET)).since(8).butane(),
]);
def!(UNIT "Unit" Key::Field(Name::Name), [
    field(Name::Contents, Text),
    field(Name::ContentsLocal, Text).since(5).butane(),
    field(Name::Dropins, List(&DROPIN)),
    field(Name::Enabled, Bool),
    field(Name::Mask, Bool),
    field(Name::Name, Required),
]);
def!(DROPIN "Dropin" Key::Field(Name::Name), [
    field(Name::Contents, Text),
    field(Name::ContentsLocal, Text).since(5).butane(),
    field(Name::Name, Required),
]);
def!(QUADLET "Quadlet" Key::None, [
    field(Name::Contents, Text).butane(),
    field(Name::ContentsLocal, Text).butane(),
    field(Name::Dropins, List(&DROPIN)).butane(),
    field(Name::Name, Required).butane(),
    field(Name::Rootful, Bool).butane(),
]);

def!(BOOT_DEVICE "fcos.BootDevice" Key::None, [
    field(Name::Layout, Text).butane(),
    field(Name::Luks, Sub(&BOOT_LUKS)).butane(),
    field(Name::Mirror, Sub(&BOOT_MIRROR)).butane(),
]);
def!(BOOT_LUKS "fcos.BootDeviceLuks" Key::None, [
    field(Name::Cex, Sub(&CEX)).since(6).butane(),
    field(Name::Discard, Bool).since(5).butane(),
    field(Name::Device, Text).since(6).butane(),
    field(Name::Tang, List(&TANG)).butane(),
    field(Name::Threshold, Int).butane(),
    field(Name::Tpm2, Bool).butane(),
]);
def!(BOOT_MIRROR "fcos.BootDeviceMirror" Key::None, [
    field(Name::Devices, Texts("string")).butane(),
]);
def!(GRUB "fcos.Grub" Key::None, [field(Name::Users, List(&GRUB_USER)).butane()]);
def!(GRUB_USER "fcos.GrubUser" Key::None, [
    field(Name::Name, OmitEmptyText).butane(),
    field(Name::PasswordHash, Text).butane(),
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_and_go() {
        assert!(CONFIG.field(Name::BootDevice, 2, false).is_none());
        assert!(CONFIG.field(Name::BootDevice, 3, false).is_some());
        assert!(CONFIG.field(Name::BootDevice, 3, true).is_none());
        assert!(matches!(
            LINK.field(Name::Target, 3, true),
            Some(Field { kind: Required, .. })
        ));
        assert!(matches!(
            LINK.field(Name::Target, 4, true),
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
