//! What a role reads from a Secret or a ConfigMap that the manifest names: the holidays of the calendar, the password of
//! the page.
//!
//! Both are read from below `--mounts`, in a cluster and on a laptop alike, with `--data` or without. They are never
//! passed over: a calendar without its holidays would make other forecasts, a page without its password would be open.

use crds::{StockPipeline, pipeline::calendar::CalendarKind};
use dashboard::Credentials;
use indicators::{Calendar, Sessions};
use market::ErrorKind;

use super::mounts::Mounts;
use crate::Failure;

const HOLIDAYS: &str = "calendar.holidaysRef";
const AUTH: &str = "dashboard.auth.secretRef";

/// When the market is open.
pub fn calendar(pipeline: &StockPipeline, mounts: &Mounts) -> Result<Calendar, Failure> {
    let Some(calendar) = &pipeline.spec.calendar else { return Ok(Calendar::ByBar) };
    match calendar.kind {
        CalendarKind::Always => Ok(Calendar::Always),
        CalendarKind::Weekdays => Ok(Calendar::Weekdays),
        CalendarKind::Sessions => {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            let (zone, open, close) =
                (text(&calendar.time_zone), text(&calendar.open), text(&calendar.close));
            // The hours alone first: what is wrong with them is not told of the ConfigMap.
            let hours = Sessions::new::<&str>(&zone, &open, &close, &[])
                .map_err(|e| Failure::new(e.kind(), e.to_string()))?;
            let Some(named) = &calendar.holidays_ref else { return Ok(Calendar::Sessions(hours)) };
            let mounted = optional(mounts.config_map(HOLIDAYS, &named.name), HOLIDAYS)?;
            let listed = mounted.text(&named.key)?.ok_or_else(|| mounted.missing(&[&named.key]))?;
            let sessions = Sessions::new(&zone, &open, &close, &holidays(&listed)).map_err(|e| {
                let (name, key) = (&named.name, &named.key);
                Failure::new(e.kind(), format!("{HOLIDAYS}: ConfigMap {name}, key {key}: {e}"))
            })?;
            Ok(Calendar::Sessions(sessions))
        }
    }
}

/// The dates of a list: one a line, nothing in empty lines, and after `#` what people want to remember.
fn holidays(text: &str) -> Vec<&str> {
    let dates = text.lines().map(|line| line.split_once('#').map_or(line, |(date, _)| date).trim());
    dates.filter(|date| !date.is_empty()).collect()
}

/// Who may look at the page; `None` where everybody may.
pub fn credentials(pipeline: &StockPipeline, mounts: &Mounts) -> Result<Option<Credentials>, Failure> {
    let Some(auth) = &pipeline.spec.dashboard.auth else { return Ok(None) };
    let secret = optional(mounts.secret(AUTH, &auth.secret_ref.name), "dashboard.auth")?;
    let (username, password) = (secret.word(&["username"])?, secret.word(&["password"])?);
    let credentials = Credentials::new(&username, &password).map_err(|e| {
        Failure::new(ErrorKind::Misconfigured, format!("{AUTH}: Secret {}: {e}", secret.name()))
    })?;
    Ok(Some(credentials))
}

/// Adds to the error of a field that can be left out how that is done.
fn optional<T>(found: Result<T, Failure>, field: &str) -> Result<T, Failure> {
    found.map_err(|failure| {
        let text = format!("{}; to do without it: --set {field}=null", failure.text);
        Failure { text, ..failure }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crds::{Bare, File, Manifest};
    use market::{Span, Timestamp};

    use super::*;

    fn manifest(spec: &str) -> StockPipeline {
        let text = format!(
            "apiVersion: stockpipe.dev/v1alpha1\nkind: StockPipeline\nmetadata: {{name: market}}\nspec:\n  \
             source: {{kafka: {{bootstrapServers: 'k:1'}}}}\n  lake: {{hdfs: {{uri: 'hdfs://n'}}}}\n  \
             featureStore: {{cassandra: {{contactPoints: [c]}}}}\n  {spec}\n"
        );
        let file = File { name: "f".to_owned(), text };
        Manifest::load(&[file], &[], Bare::Pipeline, &|_: &str| None, true).unwrap().pipeline
    }

    fn sessions(zone: &str) -> StockPipeline {
        manifest(&format!(
            "calendar: {{kind: Sessions, timeZone: {zone}, open: '09:30', close: '16:00', holidaysRef: {{name: days}}}}"
        ))
    }

    /// A directory with the file `below` of this text.
    fn mounted(below: &str, text: &str) -> (tempfile::TempDir, Mounts) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(below);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        let mounts = Mounts::new(dir.path());
        (dir, mounts)
    }

    #[test]
    fn holidays_of_the_config_map_are_closed() {
        let list = "# the exchange's own page\n\n2026-12-25 # Christmas\n  2027-01-01\n2026-12-25\n";
        let (_dir, mounts) = mounted("configmaps/days/holidays", list);
        let next = |calendar: Calendar| {
            let end = Timestamp::parse("2026-12-24T21:00:00Z").unwrap();
            calendar.advance(end, 1, Span::from_secs(60)).to_string()
        };
        let pipeline = sessions("America/New_York");
        assert!(next(calendar(&pipeline, &mounts).unwrap()).starts_with("2026-12-28T14:31"));
        // Without the list Christmas, a Friday, would be open.
        let mut without = pipeline;
        without.spec.calendar.as_mut().unwrap().holidays_ref = None;
        let none = Mounts::new("/none");
        assert!(next(calendar(&without, &none).unwrap()).starts_with("2026-12-25T14:31"));
    }

    #[test]
    fn holidays_that_cannot_be_read_are_never_passed_over() {
        let told = |pipeline: &StockPipeline, mounts: &Mounts| calendar(pipeline, mounts).unwrap_err().text;
        let pipeline = sessions("Etc/UTC");
        let missing = told(&pipeline, &Mounts::new("/none"));
        for part in ["calendar.holidaysRef", "configmaps/days", "--mounts", "--set calendar.holidaysRef=null"]
        {
            assert!(missing.contains(part), "{part} in {missing}");
        }
        let (_dir, mounts) = mounted("configmaps/days/other", "2026-12-25\n");
        let key = told(&pipeline, &mounts);
        assert!(key.contains("no key holidays") && key.contains("calendar.holidaysRef"), "{key}");
        let (_dir, mounts) = mounted("configmaps/days/holidays", "2026-12-25\n25.12.2026\n");
        let date = told(&pipeline, &mounts);
        for part in
            ["calendar.holidaysRef", "ConfigMap days", "key holidays", "25.12.2026", "write 2026-12-25"]
        {
            assert!(date.contains(part), "{part} in {date}");
        }
        let zone = told(&sessions("Mars/Olympus"), &mounts);
        assert!(zone.contains("calendar.timeZone") && !zone.contains("ConfigMap"), "{zone}");
    }

    #[test]
    fn the_page_takes_its_password_from_the_secret() {
        assert_eq!(credentials(&manifest("dashboard: {}"), &Mounts::new("/none")).unwrap(), None);
        let pipeline = manifest("dashboard: {auth: {secretRef: {name: page}}}");
        let told = |mounts: &Mounts| credentials(&pipeline, mounts).unwrap_err().text;
        let missing = told(&Mounts::new("/none"));
        for part in ["dashboard.auth.secretRef", "secrets/page", "--mounts", "--set dashboard.auth=null"] {
            assert!(missing.contains(part), "{part} in {missing}");
        }
        let (dir, mounts) = mounted("secrets/page/username", "ada\n");
        assert!(told(&mounts).contains("no key password"));
        fs::write(dir.path().join("secrets/page/password"), "pass word\n").unwrap();
        assert_eq!(credentials(&pipeline, &mounts).unwrap(), Credentials::new("ada", "pass word").ok());
        fs::write(dir.path().join("secrets/page/username"), "a:b").unwrap();
        let colon = told(&mounts);
        assert!(colon.contains("Secret page") && colon.contains("colon"), "{colon}");
    }
}
