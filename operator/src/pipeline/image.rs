//! Which releases of the workers this operator runs: those of its own minor release and of the one before, as far as an
//! image's tag tells. A tag that is no version (`latest`, a digest alone) says nothing, and passes.

use std::fmt;

use crds::StockPipeline;

use crate::environment::Environment;

/// The image is of a release that this operator does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "spec.image.reference {image} is release {found}, and this operator, release {own}, runs workers of {accepted}: name \
     an image of one of them, or leave the field out to follow the operator"
)]
pub struct Unsupported {
    image: String,
    found: Release,
    own: Release,
    accepted: String,
}

/// A release, by the two numbers that say what fits together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Release {
    major: u64,
    minor: u64,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Release {
    /// Reads `1.2`, `v1.2.3` and `1.2.3-rc1`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, rest) = text.split_at(end);
        if !(rest.is_empty() || rest.starts_with(['-', '+', '_'])) {
            return None;
        }
        let mut parts = numbers.split('.').map(|part| part.parse::<u64>().ok());
        let release = Release { major: parts.next()??, minor: parts.next()?? };
        let patch = parts.next();
        let is_whole = !matches!(patch, Some(None)) && parts.next().is_none();
        is_whole.then_some(release)
    }

    /// Whether an operator of this release runs workers of that one. Before x.0 came a release of another major number,
    /// whose last minor nobody here knows.
    fn runs(self, workers: Release) -> bool {
        if workers.major == self.major {
            return workers.minor == self.minor || self.minor.checked_sub(1) == Some(workers.minor);
        }
        self.minor == 0 && self.major.checked_sub(1) == Some(workers.major)
    }

    fn accepted(self) -> String {
        match (self.major, self.minor) {
            (0, 0) => self.to_string(),
            (major, 0) => format!("{self} and {}.x", major - 1),
            (major, minor) => format!("{self} and {}", Release { major, minor: minor - 1 }),
        }
    }
}

/// Refuses an image of the pipeline's own whose tag is the version of a release that this operator does not run. Where
/// the pipeline names none, it is the operator's, which whoever runs the operator has chosen.
pub fn check(pipeline: &StockPipeline, env: &Environment) -> Result<(), Unsupported> {
    let Some(image) = &pipeline.spec.image.reference else { return Ok(()) };
    let found = tag(image).and_then(Release::parse);
    match (found, Release::parse(&env.version)) {
        (Some(found), Some(own)) if !own.runs(found) => {
            Err(Unsupported { image: image.clone(), found, own, accepted: own.accepted() })
        }
        _ => Ok(()),
    }
}

/// The tag of `registry:5000/name:tag@digest`.
fn tag(image: &str) -> Option<&str> {
    let named = image.split_once('@').map_or(image, |(named, _)| named);
    let last = named.rsplit_once('/').map_or(named, |(_, last)| last);
    last.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;

    fn refused(image: &str, version: &str) -> Option<String> {
        let mut pipeline = samples::pipeline();
        pipeline.spec.image.reference = Some(image.to_owned());
        let env = Environment { version: version.to_owned(), ..samples::environment() };
        check(&pipeline, &env).err().map(|error| error.to_string())
    }

    #[test]
    fn this_minor_and_the_one_before_are_run() {
        for (image, version) in [
            ("stockpipe:0.4.0", "0.4.2"),
            ("stockpipe:0.3.9", "0.4.2"),
            ("mirror.test:5000/a/stockpipe:v0.4.1-rc1@sha256:00", "0.4.2"),
            ("stockpipe:0.9.1", "1.0.0"),
            ("stockpipe:1.0", "1.0.0"),
        ] {
            assert_eq!(refused(image, version), None, "{image} {version}");
        }
        for (image, version, names) in [
            ("stockpipe:0.2.0", "0.4.2", ["release 0.2", "0.4 and 0.3"]),
            ("stockpipe:0.5.0", "0.4.2", ["release 0.5", "0.4 and 0.3"]),
            ("mirror.test:5000/stockpipe:v1.4.0", "0.4.2", ["release 1.4", "0.4 and 0.3"]),
            ("stockpipe:0.9.1", "2.0.0", ["release 0.9", "2.0 and 1.x"]),
            ("stockpipe:0.1.0+more", "0.0.1", ["release 0.1", "workers of 0.0:"]),
        ] {
            let told = refused(image, version).unwrap_or_else(|| panic!("{image} {version} is refused"));
            assert!(
                names.iter().all(|name| told.contains(name)) && told.contains("spec.image.reference"),
                "{told}"
            );
        }
    }

    #[test]
    fn what_is_no_version_passes() {
        for image in [
            "stockpipe",
            "stockpipe:latest",
            "stockpipe:16",
            "stockpipe:2024.01.02.03",
            "stockpipe:9.9beta",
            "stockpipe:9..9",
            "stockpipe:nightly-9.9.9",
            "mirror.test:5000/stockpipe",
            "stockpipe@sha256:9.9.9",
            "stockpipe:99999999999999999999.1",
        ] {
            assert_eq!(refused(image, "0.4.2"), None, "{image}");
        }
    }

    #[test]
    fn the_operators_own_image_passes() {
        let env = Environment { image: "stockpipe:9.9.9".to_owned(), ..samples::environment() };
        assert_eq!(check(&samples::pipeline(), &env), Ok(()));
    }
}
