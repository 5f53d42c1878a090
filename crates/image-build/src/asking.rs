//! When the repositories of packages are asked, and what the lock takes from the answer
//! (`packages.locked` in `image.yaml`).
//!
//! They are asked when any other input is new, and again when the published image is
//! `policy.rebuild-after-days` old. In between the packages are those of the published
//! image. Who asks is given by the caller: it takes the base's own package manager.

use jiff::Timestamp;
use registry_compat::Answer;
use remote::Inspected;
use version_discovery::Arch;

use crate::error::Error;
use crate::facts::{AskedPackages, Local};
use crate::lock::{LOCK_LABEL, Lock};
use crate::packages::LockedPackage;

/// Asks the repositories which packages a build of this lock would install here.
pub type Asker<'a> = dyn Fn(&Lock, &Local) -> Result<Vec<LockedPackage>, Error> + 'a;

/// Who asks, and how urgent it is.
#[derive(Clone, Copy, Default)]
pub struct Asking<'a> {
    /// Nobody asks without one: the task only wants to know what else there is.
    pub asker: Option<&'a Asker<'a>>,
    /// Also if the published image is young: a person wants a new build.
    pub forced: bool,
}

/// Asks for each architecture of a lock whose programs run here. The second half of the
/// answer are the architectures that nobody could ask for.
///
/// # Errors
/// The first of [`Asker`]; as [`Lock::question`].
pub fn ask(
    lock: &Lock,
    local: &Local,
    asker: &Asker<'_>,
) -> Result<(Vec<AskedPackages>, Vec<Arch>), Error> {
    let question = lock.question()?;
    let (mut asked, mut others) = (Vec::new(), Vec::new());
    for arch in lock.targets.iter().map(|target| target.arch) {
        if arch != local.arch && !local.emulated.contains(&arch) {
            others.push(arch);
            continue;
        }
        // Emulated, this machine is one of that architecture.
        let there = Local {
            arch,
            ..local.clone()
        };
        asked.push(AskedPackages {
            arch,
            question: question.clone(),
            packages: asker(lock, &there)?,
        });
    }
    Ok((asked, others))
}

/// Puts the packages into a lock that were asked for its very inputs.
///
/// # Errors
/// As [`Lock::question`].
pub fn take(lock: &mut Lock, asked: &[AskedPackages]) -> Result<(), Error> {
    if asked.is_empty() {
        return Ok(());
    }
    let question = lock.question()?;
    for target in &mut lock.targets {
        let mut of_target = asked
            .iter()
            .filter(|asked| asked.arch == target.arch && asked.question == question);
        target.packages = of_target.next().map(|asked| asked.packages.clone());
    }
    Ok(())
}

/// The packages of the published image, if all other inputs are the same and it is
/// younger than so many days.
///
/// # Errors
/// As [`Lock::question`].
pub fn of_published(
    lock: &Lock,
    found: Option<&Answer<Inspected>>,
    rebuild_after: u32,
    now: Timestamp,
) -> Result<Option<Vec<AskedPackages>>, Error> {
    let Some(Answer::Present(found)) = found else {
        return Ok(None);
    };
    let text = found.labels.get(LOCK_LABEL);
    let Some(theirs) = text.and_then(|text| Lock::parse(text, LOCK_LABEL).ok()) else {
        return Ok(None);
    };
    let question = lock.question()?;
    let young = found
        .created
        .is_some_and(|created| is_young(created, rebuild_after, now).1);
    if !young || theirs.question()? != question || !theirs.names_packages() {
        return Ok(None);
    }
    let asked = theirs.targets.into_iter().filter_map(|target| {
        Some(AskedPackages {
            arch: target.arch,
            question: question.clone(),
            packages: target.packages?,
        })
    });
    Ok(Some(asked.collect()))
}

/// The age of an image in whole days, and whether it is less than so many. A date in the
/// future comes from a wrong clock there or here; it must not delay builds until that
/// date.
pub(crate) fn is_young(created: Timestamp, days: u32, now: Timestamp) -> (i64, bool) {
    let age = (now.as_second() - created.as_second()).div_euclid(86_400);
    (age, (0..i64::from(days)).contains(&age))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skip::{Published, published};
    use crate::testing;

    const NOW: &str = "2026-07-30T12:00:00Z";

    fn package(version: usize) -> LockedPackage {
        let sum = registry_compat::Digest::of(&[0]);
        format!("tool-0:{version}-1.noarch updates {sum}")
            .parse()
            .unwrap()
    }

    fn with(lock: &Lock, version: usize) -> Lock {
        let mut lock = lock.clone();
        lock.targets[0].packages = Some(vec![package(version)]);
        lock
    }

    /// The published image of a lock, built so many days ago.
    fn image(lock: &Lock, days: i64) -> Answer<Inspected> {
        let (config, ..) = testing::facts();
        let image = testing::kmods_image(&config, "2.4.4", "7.1.4-200.fc44.x86_64");
        let Answer::Present(mut found) = image.answer else {
            panic!("it is there");
        };
        let now: Timestamp = NOW.parse().unwrap();
        found.created = Some(Timestamp::from_second(now.as_second() - days * 86_400).unwrap());
        let text = lock.to_line().unwrap();
        found.labels.insert(LOCK_LABEL.to_owned(), text);
        Answer::Present(found)
    }

    fn taken(lock: &Lock, found: &Answer<Inspected>) -> Option<Vec<AskedPackages>> {
        of_published(lock, Some(found), 7, NOW.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_packages_of_a_young_image_are_taken_and_it_is_unchanged() {
        let (_, lock, _) = testing::locked();
        let found = image(&with(&lock, 1), 6);
        let mut ours = lock.clone();
        take(&mut ours, &taken(&lock, &found).unwrap()).unwrap();
        assert_eq!(ours, with(&lock, 1));
        let now = NOW.parse().unwrap();
        let verdict = published(&ours, Some(&found), 7, now).unwrap();
        assert!(matches!(verdict, Published::UpToDate(_)), "{verdict:?}");
    }

    #[test]
    fn they_are_asked_for_where_anything_else_is_new_or_the_image_is_old() {
        let (_, lock, _) = testing::locked();
        let published = with(&lock, 1);
        assert!(taken(&lock, &image(&published, 6)).is_some());
        for days in [7, -1] {
            assert!(taken(&lock, &image(&published, days)).is_none(), "{days}");
        }
        assert!(taken(&lock, &image(&lock, 6)).is_none(), "it names none");
        let mut other = published;
        other.zfs = "2.4.3".parse().unwrap();
        assert!(taken(&lock, &image(&other, 6)).is_none());
        assert!(taken(&lock, &Answer::Absent).is_none());
    }

    #[test]
    fn every_architecture_is_asked_for_that_runs_here() {
        let (_, mut lock, mut local) = testing::locked();
        let mut other = lock.targets[0].clone();
        other.arch = Arch::Aarch64;
        lock.targets.push(other);
        let asker = |_: &Lock, there: &Local| match there.arch {
            Arch::X86_64 => Ok(vec![package(1)]),
            Arch::Aarch64 => Ok(vec![package(2)]),
        };
        local.arch = Arch::X86_64;
        let (asked, others) = ask(&lock, &local, &asker).unwrap();
        let named = |asked: &[AskedPackages]| {
            let mut lock = lock.clone();
            take(&mut lock, asked).unwrap();
            let packages = lock.targets.into_iter().map(|target| target.packages);
            packages.collect::<Vec<_>>()
        };
        assert_eq!(named(&asked), [Some(vec![package(1)]), None]);
        assert_eq!(others, [Arch::Aarch64]);
        local.emulated = vec![Arch::Aarch64];
        let (asked, others) = ask(&lock, &local, &asker).unwrap();
        let both = [Some(vec![package(1)]), Some(vec![package(2)])];
        assert_eq!(named(&asked), both);
        assert_eq!(others, []);
        // One that cannot be asked is no empty list.
        let fails = |_: &Lock, there: &Local| match there.arch {
            Arch::X86_64 => Ok(Vec::new()),
            Arch::Aarch64 => Err(Error::Usage("no".to_owned())),
        };
        assert!(ask(&lock, &local, &fails).is_err());
    }

    #[test]
    fn an_old_image_with_the_packages_of_today_is_unchanged() {
        let (_, lock, _) = testing::locked();
        let verdict = |ours: &Lock, theirs: &Lock, days: i64| {
            let now = NOW.parse().unwrap();
            published(ours, Some(&image(theirs, days)), 7, now).unwrap()
        };
        let (one, two) = (with(&lock, 1), with(&lock, 2));
        let same = verdict(&one, &one, 70);
        assert!(matches!(same, Published::UpToDate(_)), "{same:?}");
        assert_eq!(verdict(&two, &one, 70), Published::Other);
        // Nobody asked: what is known is compared, and the day counts.
        let same = verdict(&lock, &one, 6);
        assert!(matches!(same, Published::UpToDate(_)), "{same:?}");
        assert_eq!(verdict(&lock, &one, 70), Published::Old(Some(70)));
    }

    #[test]
    fn packages_asked_for_other_inputs_are_not_taken() {
        let (_, lock, _) = testing::locked();
        let asked = |question: &Lock| AskedPackages {
            arch: lock.targets[0].arch,
            question: question.question().unwrap(),
            packages: vec![package(1)],
        };
        let mut other = lock.clone();
        other.zfs = "2.4.3".parse().unwrap();
        let mut ours = lock.clone();
        take(&mut ours, &[asked(&other)]).unwrap();
        assert_eq!(ours, lock);
        take(&mut ours, &[asked(&other), asked(&lock)]).unwrap();
        assert_eq!(ours, with(&lock, 1));
        // The inputs that they were asked for do not change with the answer.
        assert_eq!(ours.question().unwrap(), lock.question().unwrap());
        assert_ne!(ours.fingerprint().unwrap(), lock.fingerprint().unwrap());
    }
}
