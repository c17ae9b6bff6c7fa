//! The properties of a Hadoop configuration directory, as far as this side needs them: the address, the NameNodes of a
//! name service, and what `doctor` can tell from them. The client reads the files itself for everything else.

use std::{collections::HashMap, fs, path::Path};

use crate::{LakeError, limits::SITE_BYTES};

/// Properties of `core-site.xml` and `hdfs-site.xml`; the latter win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Site {
    properties: HashMap<String, String>,
}

impl Site {
    /// Reads the two files; one that does not exist is empty, a directory without either is an error.
    pub fn read(dir: &Path) -> Result<Self, LakeError> {
        let shown = dir.display().to_string();
        let wrong =
            |file: &str, reason: String| LakeError::Misconfigured { path: format!("{shown}/{file}"), reason };
        let mut site = Self::default();
        let mut found = false;
        for file in ["core-site.xml", "hdfs-site.xml"] {
            let path = dir.join(file);
            if !path.exists() {
                continue;
            }
            found = true;
            let length = fs::metadata(&path).map_err(|e| wrong(file, e.to_string()))?.len();
            if length > SITE_BYTES {
                return Err(wrong(file, format!("{length} bytes are no configuration file")));
            }
            let text = fs::read_to_string(&path).map_err(|e| wrong(file, e.to_string()))?;
            site.parse(&text).map_err(|reason| wrong(file, reason))?;
        }
        if found {
            Ok(site)
        } else {
            Err(wrong("core-site.xml", "neither it nor hdfs-site.xml is there".to_owned()))
        }
    }

    fn parse(&mut self, text: &str) -> Result<(), String> {
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let tree = roxmltree::Document::parse_with_options(text, options).map_err(|e| e.to_string())?;
        let configuration = tree.root_element();
        if !configuration.has_tag_name("configuration") {
            return Err("its root is not <configuration>".to_owned());
        }
        for property in configuration.children().filter(|n| n.has_tag_name("property")) {
            let text = |tag| property.children().find(|n| n.has_tag_name(tag)).and_then(|n| n.text());
            if let (Some(name), Some(value)) = (text("name"), text("value")) {
                self.properties.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        Ok(())
    }

    /// A property.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    #[cfg(test)]
    pub fn of<const N: usize>(properties: [(&str, &str); N]) -> Self {
        let own = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
        Self { properties: properties.into_iter().map(own).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_out_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Site::read(dir.path()).unwrap_err().to_string().contains("core-site.xml"));
        let core = "<?xml version=\"1.0\"?><configuration><property><name>fs.defaultFS</name>\
                    <value> hdfs://nn:1 </value></property></configuration>";
        fs::write(dir.path().join("core-site.xml"), core).unwrap();
        let site = Site::read(dir.path()).unwrap();
        assert_eq!(site.get("fs.defaultFS"), Some("hdfs://nn:1"));
        assert_eq!(site.get("other"), None);
        fs::write(dir.path().join("hdfs-site.xml"), "<configuration>").unwrap();
        assert!(Site::read(dir.path()).unwrap_err().to_string().contains("hdfs-site.xml"));
    }
}
