//! The cage of one child, as words between the gateway and the launcher.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::access::{Access, Network};
use super::report::Layer;

/// The cage of one child.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// What it may reach.
    pub access: Access,
    /// Better no child than one whose cage lacks a layer.
    pub strict: bool,
    /// Layers that are left out although this host has them, to prove what the others hold.
    pub without: Vec<Layer>,
}

// === impl Order ===

impl Order {
    /// The words of a command line; [`Self::take`] reads them.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["--cage".into(), self.access.network.word().into()];
        for file in &self.access.files {
            words.extend(["--read".into(), file.into()]);
        }
        for layer in &self.without {
            words.extend(["--without".into(), layer.name().into()]);
        }
        if self.strict {
            words.push("--strict".into());
        }
        words
    }

    /// Reads one option of [`Self::words`] into an order that may be there; `None` if it is not one of those.
    pub fn take(
        order: &mut Option<Self>,
        option: &OsStr,
        value: &mut dyn FnMut() -> Option<OsString>,
    ) -> Option<()> {
        match option.to_str()? {
            "--cage" => {
                let network = Network::parse(value()?.to_str()?)?;
                order.get_or_insert_default().access.network = network;
            }
            "--read" => order.as_mut()?.access.files.push(PathBuf::from(value()?)),
            "--without" => order
                .as_mut()?
                .without
                .push(Layer::parse(value()?.to_str()?)?),
            "--strict" => order.as_mut()?.strict = true,
            _ => return None,
        }
        Some(())
    }

    /// Whether a layer is to be there.
    pub(super) fn wants(&self, layer: Layer) -> bool {
        !self.without.contains(&layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: Vec<OsString>) -> Option<Order> {
        let mut words = words.into_iter();
        let mut order = None;
        while let Some(word) = words.next() {
            Order::take(&mut order, &word, &mut || words.next())?;
        }
        order
    }

    #[test]
    fn words_are_read_back() {
        use std::os::unix::ffi::OsStringExt;

        let odd = PathBuf::from(OsString::from_vec(b"/a b/\xff--".to_vec()));
        let order = Order {
            access: Access {
                files: vec!["--".into(), odd],
                network: Network::Proxy(1),
            },
            strict: true,
            without: vec![Layer::Files, Layer::Calls],
        };
        assert_eq!(read(order.words()), Some(order));
        assert_eq!(read(Order::default().words()), Some(Order::default()));
    }

    #[test]
    fn wrong_words_are_refused() {
        for words in [
            &["--cage"][..],
            &["--cage", "all"],
            &["--read", "x"],
            &["--strict"],
            &["--cage", "web", "--without", "doors"],
            &["--cage", "web", "--open"],
        ] {
            let words = words.iter().map(OsString::from).collect();
            assert_eq!(read(words), None);
        }
    }
}
