//! Plan files: what `plan --out` writes and `apply` carries out.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

use super::farm::Farm;
use super::right::Against;
use super::target::Target;
use super::{Failure, Ui};
use crate::diagnostic::Sources;
use crate::engine::Survey;
use crate::plan::{Agreed, PlanFile, PlannedHost, Shift, SourceDigest};
use crate::report::Counts;
use crate::value::utc_text;

/// The largest plan file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// How many things that moved are told one by one.
const MOST_LINES: usize = 10;

/// Writes what would change to a file, whole or not at all.
pub fn write(
    ui: Ui,
    path: &Path,
    against: Against,
    target: &Target,
    farm: &Farm,
    surveys: &[Survey],
) -> Result<(), Failure> {
    if Counts::of(surveys).hosts_failed > 0 {
        let failure = Failure::hosts(format!("{} was not written: not every host could be planned", path.display()));
        return Err(failure.hint("--limit plans some hosts only"));
    }
    if !read_text(path).is_ok_and(|text| text.is_none_or(|text| text.trim().is_empty() || PlanFile::is_one(&text))) {
        let failure = Failure::input(format!("{} is there and is no plan file", path.display()));
        return Err(failure.hint("name another file: plans are not written over what is something else"));
    }
    let plans = |survey: &Survey| {
        let plans: Vec<_> = survey.looked.iter().flat_map(|looked| looked.plans.clone()).collect();
        plans.into_iter().map(|(play, plan)| PlannedHost { play, plan })
    };
    let hosts = surveys.iter().flat_map(plans).filter(|planned| !planned.plan.is_empty()).collect();
    let made = utc_text(SystemTime::now());
    let file = PlanFile::new(made, target.asked(against), digests(farm.sources()), farm.secrets(), hosts);
    let failed = |error: std::io::Error| {
        Failure::work(anyhow::Error::new(error).context(format!("{} cannot be written", path.display())))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    temporary.write_all(file.text().as_bytes()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    let lab = if against.is_lab() { "--lab " } else { "" };
    ui.text(&format!("\nWritten to {path}; carry it out: farmhand {lab}apply {path}\n", path = path.display()));
    Ok(())
}

/// The plan in a file; `None` where the file is no plan, but a playbook or nothing.
pub fn read(path: &Path) -> Result<Option<PlanFile>, Failure> {
    // What cannot be read is the loader's to tell of.
    let Some(text) = read_text(path).ok().flatten().filter(|text| PlanFile::is_one(text)) else { return Ok(None) };
    PlanFile::parse(&text).map(Some).map_err(|error| {
        let failure = Failure::input(format!("{} is a plan file, and {error}", path.display()));
        failure.hint("plan anew: farmhand plan PLAYBOOK --out FILE")
    })
}

/// Makes sure that a plan's playbook, inventory and variables are still what it was made from.
pub fn check_sources(path: &Path, file: &PlanFile, farm: &Farm) -> Result<(), Failure> {
    let changed = file.changed_sources(&digests(farm.sources()));
    if changed.is_empty() {
        return Ok(());
    }
    let failure = Failure::input(format!("{} changed since {} was made", changed.join(", "), path.display()));
    Err(failure.hint(format!("plan anew: {}", file.asked.command(&path.display().to_string()))))
}

/// What keeps the farm from being as it was when a plan was made.
pub fn shifts(agreed: &Agreed, surveys: &[Survey]) -> Vec<Shift> {
    let looked = surveys.iter().flat_map(|survey| survey.looked.iter());
    looked.flat_map(|looked| &looked.plans).flat_map(|(play, plan)| agreed.differs(*play, plan)).collect()
}

/// What moved, as a failure.
pub fn moved(path: &Path, file: &PlanFile, moved: &[String]) -> Failure {
    let mut message = format!("the farm moved since {} was made, and nothing was changed:", path.display());
    for line in moved.iter().take(MOST_LINES) {
        message.push_str(&format!("\n  {line}"));
    }
    if moved.len() > MOST_LINES {
        message.push_str(&format!("\n  and {} more", moved.len() - MOST_LINES));
    }
    let failure = Failure::moved(message);
    let again = format!("plan anew: {}", file.asked.command(&path.display().to_string()));
    if moved.iter().all(|line| line.ends_with(Shift::DONE)) {
        return failure.hint("all of it is so already: was this plan carried out before?").hint(again);
    }
    failure.hint(again)
}

fn digests(sources: &Sources) -> Vec<SourceDigest> {
    sources.texts().map(|(name, text)| SourceDigest::new(name, text)).collect()
}

/// A file's text; `None` where there is none.
fn read_text(path: &Path) -> std::io::Result<Option<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
