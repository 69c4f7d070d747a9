//! Reads OpenMetrics text 1.0.0 as strictly as the standard has it, as far as it is used here.

use std::collections::BTreeMap;

/// The kinds of metrics that the gateway has.
const KINDS: [&str; 3] = ["gauge", "counter", "histogram"];

/// The units that a name may end with; whatever has one must say so.
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// Metrics of one name.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) name: String,
    kind: String,
    unit: String,
    help: String,
    /// With their labels, as written.
    pub(crate) samples: BTreeMap<String, f64>,
}

// === impl Family ===

impl Family {
    /// The names that queries may use.
    pub(crate) fn sample_names(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let name = |suffix: &&str| format!("{}{suffix}", self.name);
        suffixes.iter().map(name).collect()
    }

    fn add(&mut self, line: &str) {
        let (sample, value) = line.rsplit_once(' ').expect("a sample and a value");
        let name = sample.split('{').next().unwrap_or_default();
        let names = self.sample_names();
        assert!(names.iter().any(|own| own == name), "{line} in {self:?}");
        check_labels(&sample[name.len()..]);
        let value: f64 = value.parse().expect("a number");
        assert!(self.kind == "gauge" || value >= 0.0, "{line}");
        let before = self.samples.insert(sample.to_owned(), value);
        assert_eq!(before, None, "{sample} twice");
    }

    fn check(&self) {
        let name = &self.name;
        assert!(name.starts_with("headgate_"), "{name}");
        let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        assert!(name.chars().all(is_letter), "{name}");
        assert!(KINDS.contains(&self.kind.as_str()), "{name}: {}", self.kind);
        assert!(
            self.help.len() > 10,
            "{name} says too little: {}",
            self.help
        );
        assert!(
            !name.ends_with("_total"),
            "{name}: the suffix is for samples"
        );
        let by_name = UNITS.into_iter().find(|unit| name.ends_with(unit));
        assert_eq!(by_name.unwrap_or_default(), self.unit, "the unit of {name}");
        if self.kind == "histogram" {
            self.check_buckets();
        }
    }

    /// Each series ends with +Inf, which is its count, and never falls.
    fn check_buckets(&self) {
        let series = |sample: &str, suffix: &str| {
            let labels = sample.strip_prefix(&self.name)?.strip_prefix(suffix)?;
            Some(labels.to_owned())
        };
        for (sample, count) in &self.samples {
            let Some(labels) = series(sample, "_count") else {
                continue;
            };
            let bare = labels.trim_matches(['{', '}']);
            let mut buckets: Vec<(f64, f64)> = self
                .samples
                .iter()
                .filter(|(other, _)| other.contains("_bucket{") && other.contains(bare))
                .map(|(other, value)| (bound(other), *value))
                .collect();
            buckets.sort_by(|(left, _), (right, _)| left.total_cmp(right));
            assert!(buckets.is_sorted_by_key(|(_, value)| *value), "{buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{sample}");
        }
    }
}

/// All families of a page.
pub(crate) fn families(page: &str) -> Vec<Family> {
    let body = page.strip_suffix("# EOF\n").expect("the end is marked");
    let mut families: Vec<Family> = Vec::new();
    for line in body.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(text)) => {
                if families.last().is_none_or(|last| last.name != name) {
                    assert!(families.iter().all(|one| one.name != name), "{name} twice");
                    let name = name.to_owned();
                    families.push(Family {
                        name,
                        ..Family::default()
                    });
                }
                let family = families.last_mut().expect("there is one");
                assert!(family.samples.is_empty(), "{line} behind samples");
                let field = match what {
                    "HELP" => &mut family.help,
                    "TYPE" => &mut family.kind,
                    "UNIT" => &mut family.unit,
                    _ => panic!("{line}"),
                };
                assert!(field.is_empty(), "{line} twice");
                *field = text.to_owned();
            }
            _ => families.last_mut().expect("a family").add(line),
        }
    }
    families.iter().for_each(Family::check);
    families
}

/// `{name="value",…}` or nothing.
fn check_labels(text: &str) {
    if text.is_empty() {
        return;
    }
    let inner = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    for label in inner.expect("labels in braces").split("\",") {
        let (name, value) = label.split_once("=\"").expect("a name and a value");
        assert!(
            !name.is_empty() && !value.trim_end_matches('"').is_empty(),
            "{text}"
        );
    }
}

fn bound(sample: &str) -> f64 {
    let text = sample
        .split("le=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    match text.expect("a bound") {
        "+Inf" => f64::INFINITY,
        number => number.parse().expect("a number"),
    }
}
