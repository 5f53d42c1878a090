//! `ignition`: the machines' configs, from source to page.

use host::Done;
use machine::ignition::{compare, serve, site_folder, translate};

use crate::cli::{IgnitionArgs, IgnitionTask};
use crate::error::Error;
use crate::selected::Selected;

/// Does what the command line says.
///
/// # Errors
/// If files cannot be read or written, a name has no source, or two images have the same
/// sources.
pub fn run(on: &Selected<'_>, args: &IgnitionArgs) -> Result<Done, Error> {
    sources_differ(on)?;
    Ok(match &args.task {
        None if args.names.is_empty() => {
            return on.each(|world| Ok(translate::translate(world, &args.names, args.check)?));
        }
        None => {
            return on.one(|world| Ok(translate::translate(world, &args.names, args.check)?));
        }
        Some(IgnitionTask::Site(args)) => site_folder::run(&on.worlds(), &args.output)?,
        Some(IgnitionTask::Serve(args)) => serve::run(&on.worlds(), &args.address)?,
        Some(IgnitionTask::Compare(args)) => compare::run(&on.worlds(), args.url.as_ref())?,
    })
}

/// A machine follows one image: which, the folder of its source says.
fn sources_differ(on: &Selected<'_>) -> Result<(), Error> {
    for (at, image) in on.wanted().iter().enumerate() {
        let sources = &image.config.ignition.sources;
        let mut before = on.wanted()[..at].iter();
        if let Some(other) = before.find(|other| other.config.ignition.sources == *sources) {
            return Err(Error::Usage(format!(
                "which image do the machines of {sources} follow? `{}` and `{}` have the same \
                 folder; give each its own by `ignition.sources`, or say --image NAME",
                other.name, image.name
            )));
        }
    }
    Ok(())
}
