//! `followed`: which names hosts follow, as `image.yaml` has them.

use custom_coreos::OwnTask;
use custom_coreos::error::Error;
use host::Done;
use image_build::gather::World;
use serde_json::json;

/// Print the names that hosts follow
///
/// Example: cargo xtask followed --tag stable
#[derive(clap::Args)]
struct Followed {
    /// Only this tag; it must be one of image.yaml's
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

/// What can go wrong here and nowhere else.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    /// Hosts cannot follow it.
    #[error("image.yaml moves no tag `{0}`; `image.tags` lists those that it moves")]
    NoSuchTag(String),
}

/// The task.
pub fn task() -> OwnTask {
    OwnTask::new("followed", followed)
}

fn followed(world: &World<'_>, args: &Followed) -> Result<Done, Error> {
    let repository = world.config.repository()?;
    let wanted = |tag: &&String| args.tag.as_ref().is_none_or(|only| only == *tag);
    let tags: Vec<String> = world.config.image.tags.iter().map(ToString::to_string).collect();
    let names: Vec<String> = tags
        .iter()
        .filter(wanted)
        .map(|tag| format!("{repository}:{tag}"))
        .collect();
    if let (Some(tag), true) = (&args.tag, names.is_empty()) {
        return Err(Error::own(Wrong::NoSuchTag(tag.clone())));
    }
    for name in &names {
        world.report.answer(name);
    }
    world.report.document(&json!({ "followed": names }))?;
    Ok(Done::Success)
}

#[cfg(test)]
mod tests {
    use image_config::Config;
    use std::path::Path;

    /// With the files that it names, so that a mistake is found before the night.
    #[test]
    fn image_yaml_is_valid() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let config = Config::load_in(&root.join("image.yaml"), &root);
        assert!(config.is_ok(), "{}", config.unwrap_err());
    }
}
