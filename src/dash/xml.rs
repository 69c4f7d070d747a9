//! XML as it is needed here: elements with attributes, indented, escaped.

use std::fmt::{Display, Write};

/// A document that grows.
#[derive(Debug)]
pub(super) struct Xml {
    out: String,
    open: Vec<&'static str>,
}

/// A start tag that may still get attributes.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    xml: &'a mut Xml,
    name: &'static str,
}

// === impl Xml ===

impl Xml {
    pub(super) fn new() -> Self {
        Self {
            out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"),
            open: Vec::new(),
        }
    }

    /// Begins an element; its attributes follow.
    pub(super) fn tag(&mut self, name: &'static str) -> Tag<'_> {
        self.indent();
        self.push(format_args!("<{name}"));
        Tag { xml: self, name }
    }

    /// Ends the element that was opened last.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.push(format_args!("</{name}>\n"));
        }
    }

    /// Ends all that is open.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn indent(&mut self) {
        for _ in &self.open {
            self.out.push(' ');
        }
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.out
            .write_fmt(text)
            .expect("writing into memory should never fail");
    }
}

// === impl Tag ===

impl Tag<'_> {
    /// Adds an attribute.
    pub(super) fn with(self, name: &str, value: impl Display) -> Self {
        self.xml.push(format_args!(" {name}=\""));
        let value = value.to_string();
        for c in value.chars() {
            match c {
                '&' => self.xml.out.push_str("&amp;"),
                '<' => self.xml.out.push_str("&lt;"),
                '>' => self.xml.out.push_str("&gt;"),
                '"' => self.xml.out.push_str("&quot;"),
                // XML 1.0 has no place for other control characters, and white space would be normalised away.
                '\t' | '\n' | '\r' => self.xml.push(format_args!("&#{};", c as u32)),
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                    self.xml.out.push('\u{fffd}');
                }
                c => self.xml.out.push(c),
            }
        }
        self.xml.out.push('"');
        self
    }

    /// Adds an attribute if it has a value.
    pub(super) fn with_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Other elements follow inside.
    pub(super) fn open(self) {
        self.xml.out.push_str(">\n");
        self.xml.open.push(self.name);
    }

    /// Nothing is inside.
    pub(super) fn empty(self) {
        self.xml.out.push_str("/>\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(value: &str) -> String {
        let mut xml = Xml::new();
        xml.tag("A").open();
        xml.tag("B").with("v", value).empty();
        xml.finish()
    }

    #[test]
    fn elements_nest_and_end() {
        let text = document("a<b>&\"c\"\n");
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<A>\n <B v=\"a&lt;b&gt;&amp;&quot;c&quot;&#10;\"/>\n</A>\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back(value in "\\PC{0,40}|[\\t\\n\\r <>&\"'a-z]{0,40}") {
            let text = document(&value);
            let read = roxmltree::Document::parse(&text).expect("the document should be XML");
            let element = read.descendants().find(|node| node.has_tag_name("B")).unwrap();
            prop_assert_eq!(element.attribute("v"), Some(value.as_str()));
        }
    }
}
