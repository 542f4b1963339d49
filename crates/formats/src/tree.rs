//! YAML (and JSON, which YAML contains) as a tree in which every value knows its line.

use crate::scalar::{Scalar, resolve};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// Deepest nesting of sequences and mappings.
const MAX_DEPTH: usize = 100;
/// Most nodes that anchors and aliases may copy, over one source.
const MAX_COPIES: usize = 100_000;

/// Letters after which it is told how far reading is.
const STRIDE: usize = 1 << 17;

/// A place in a source, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    fn of(marker: &Marker) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { line: number(marker.line()).max(1), column: number(marker.col()).saturating_add(1) }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    /// A scalar and its text as written.
    Scalar(Scalar, String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key, its place, and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Node,
}

/// Why a text is not a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeError {
    pub(crate) at: Position,
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

impl Node {
    /// The value of a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a key, letters compared without case.
    pub(crate) fn get_ignoring_case(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key.eq_ignore_ascii_case(key)).map(|entry| &entry.value)
    }

    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.data {
            Data::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The text of a text scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(Scalar::Text, text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.text().is_some()
    }

    /// Whether it says nothing: null, or an empty collection.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.data {
            Data::Scalar(scalar, _) => *scalar == Scalar::Null,
            Data::Sequence(items) => items.is_empty(),
            Data::Mapping(entries) => entries.is_empty(),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.data, Data::Scalar(Scalar::Null, _))
    }

    /// Where `path` is (`spec.ports[0].nodePort`), or the deepest part of it that there is. A key counts as the
    /// place of its value.
    pub(crate) fn place(&self, path: &str) -> Position {
        let (mut node, mut at) = (self, self.at);
        for segment in path.split('.') {
            let (key, indices) = segment.split_once('[').map_or((segment, ""), |(key, rest)| (key, rest));
            if !key.is_empty() {
                let entry = node.entry(key).or_else(|| node.get("properties")?.entry(key));
                let Some(entry) = entry else { return at };
                (node, at) = (&entry.value, entry.at);
            }
            for index in indices.split('[').filter_map(|index| index.strip_suffix(']')) {
                let item = index.parse::<usize>().ok().and_then(|index| node.items().get(index));
                let Some(item) = item else { return at };
                (node, at) = (item, item.at);
            }
        }
        at
    }

    fn size(&self) -> usize {
        1 + match &self.data {
            Data::Scalar(..) => 0,
            Data::Sequence(items) => items.iter().map(Self::size).sum(),
            Data::Mapping(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }
}

/// The documents of a text, up to the first error.
pub(crate) fn parse(text: &str) -> (Vec<Node>, Option<TreeError>) {
    parse_telling(text, &mut |_| {})
}

/// The same, telling now and then how many letters are behind.
pub(crate) fn parse_telling(text: &str, tell: &mut dyn FnMut(usize)) -> (Vec<Node>, Option<TreeError>) {
    let text = &*surrogates_joined(text);
    let mut builder = Builder { budget: MAX_COPIES, ..Builder::default() };
    let mut rest = text;
    let mut behind = 0;
    let mut error = None;
    while error.is_none() && !rest.is_empty() {
        let (first, others) = rest.split_at(end_of_json(rest).unwrap_or(rest.len()));
        error = builder.run(&mut Parser::new_from_str(first), &mut |letters| tell(behind + letters)).err();
        behind += first.len();
        let lines = first.bytes().filter(|byte| *byte == b'\n').count();
        builder.skipped = builder.skipped.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        rest = others;
    }
    if let Some(error) = &mut error
        && error.hint == TAB
    {
        // The parser names the line on which the value before the tab began.
        let skipped = usize::try_from(error.at.line).unwrap_or_default().saturating_sub(1);
        let indent = |line: &str| {
            line.chars().take_while(|letter| letter.is_whitespace()).any(|letter| letter == '\t')
        };
        let line = text.lines().zip(1_u32..).skip(skipped).find(|(line, _)| indent(line));
        error.at = line.map_or(error.at, |(_, line)| Position { line, column: 1 });
    }
    (builder.documents, error)
}

/// Where the first of several JSON values ends: files that `>>` joins have nothing between them, which YAML does not know.
/// `None` where one value is all.
fn end_of_json(text: &str) -> Option<usize> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => {
                depth = depth.saturating_sub(1);
                let end = at + 1;
                if depth == 0 {
                    return text.get(end..)?.trim_start().starts_with(['{', '[']).then_some(end);
                }
            }
            _ => {}
        }
    }
    None
}

/// JSON writes a character beyond the first 65,536 as two escapes, `\ud83d\ude00`; YAML writes it as one.
fn surrogates_joined(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with(['{', '[']) || !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let half = |text: &str, lowest: u32| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()?.checked_sub(lowest).filter(|bits| *bits < 0x400)
    };
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        joined.push_str(before);
        let pair = half(escape, 0xd800)
            .zip(escape.get(6..).and_then(|second| half(second, 0xdc00)))
            .and_then(|(high, low)| char::from_u32(0x1_0000 + (high << 10 | low)));
        let length = if let Some(letter) = pair {
            joined.push(letter);
            12
        } else {
            // The backslash and what it escapes, which may be a backslash.
            let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
            joined.push_str(escape.get(..length).unwrap_or_default());
            length
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    budget: usize,
    /// The lines before what the parser sees.
    skipped: u32,
}

/// A collection that has begun and not ended.
struct Open {
    at: Position,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping(OpenMapping),
}

#[derive(Default)]
struct OpenMapping {
    entries: Vec<Entry>,
    /// The key whose value comes next.
    key: Option<Key>,
    /// The values of merge keys (`<<`).
    merges: Vec<Node>,
}

enum Key {
    Merge,
    Text(String, Position),
}

impl Builder {
    fn run(
        &mut self,
        parser: &mut Parser<'_, StrInput<'_>>,
        tell: &mut dyn FnMut(usize),
    ) -> Result<(), TreeError> {
        let mut next = STRIDE;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| match error.info() {
                "recursion limit exceeded" => too_deep(self.position(error.marker())),
                info => TreeError {
                    at: self.position(error.marker()),
                    what: format!("this is not YAML: {info}"),
                    hint: hint(info),
                },
            })?;
            if span.start.index() >= next {
                next = span.start.index() + STRIDE;
                tell(span.start.index());
            }
            self.event(event, self.position(&span.start))?;
        }
        Ok(())
    }

    fn position(&self, marker: &Marker) -> Position {
        let at = Position::of(marker);
        Position { line: at.line.saturating_add(self.skipped), ..at }
    }

    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), TreeError> {
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                let (value, plain) = scalar(&text, style, tag.as_deref(), at)?;
                let node = Node { at, data: Data::Scalar(value, text.into_owned()) };
                self.finished(node, anchor, plain)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let mut node = node.clone();
                    self.spend(node.size(), at)?;
                    node.at = at;
                    self.finished(node, 0, false)
                }
                None => Err(TreeError {
                    at,
                    what: "the alias refers to something that is not complete".into(),
                    hint: "an alias cannot contain itself, nor refer to another document",
                }),
            },
            Event::SequenceStart(anchor, _) => self.open(at, anchor, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(at, anchor, Content::Mapping(OpenMapping::default())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { at, anchor, content }) = self.open.pop() else { return Ok(()) };
                let data = match content {
                    Content::Sequence(items) => Data::Sequence(items),
                    Content::Mapping(mapping) => Data::Mapping(mapping.complete()?),
                };
                self.finished(Node { at, data }, anchor, false)
            }
        }
    }

    fn open(&mut self, at: Position, anchor: usize, content: Content) -> Result<(), TreeError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        if let Some(Open { content: Content::Mapping(OpenMapping { key: None, .. }), .. }) = self.open.last()
        {
            return Err(complex_key(at));
        }
        self.open.push(Open { at, anchor, content });
        Ok(())
    }

    fn spend(&mut self, nodes: usize, at: Position) -> Result<(), TreeError> {
        self.budget = self.budget.checked_sub(nodes).ok_or_else(|| TreeError {
            at,
            what: format!("anchors and aliases copy more than {MAX_COPIES} values"),
            hint: "write the values out, or split the input",
        })?;
        Ok(())
    }

    /// A value is complete: it goes into the collection that is open, or is a document.
    fn finished(&mut self, node: Node, anchor: usize, plain: bool) -> Result<(), TreeError> {
        if anchor > 0 {
            self.spend(node.size(), node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.documents.push(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping(mapping)) => match mapping.key.take() {
                None => {
                    let Data::Scalar(_, text) = node.data else { return Err(complex_key(node.at)) };
                    let merge = plain && text == "<<";
                    mapping.key = Some(if merge { Key::Merge } else { Key::Text(text, node.at) });
                }
                Some(Key::Merge) => mapping.merges.push(node),
                Some(Key::Text(key, at)) => mapping.entries.push(Entry { key, at, value: node }),
            },
        }
        Ok(())
    }
}

impl OpenMapping {
    /// The entries, each key once; then what merge keys refer to: the mapping's own keys win, then the first merged
    /// mapping.
    fn complete(mut self) -> Result<Vec<Entry>, TreeError> {
        let mut keys = BTreeSet::new();
        for entry in &self.entries {
            if !keys.insert(entry.key.clone()) {
                return Err(TreeError {
                    at: entry.at,
                    what: format!("the key {:?} stands here for the second time", entry.key),
                    hint: "remove one of the two",
                });
            }
        }
        for merge in self.merges {
            let sources = match merge.data {
                Data::Sequence(items) => items,
                _ => vec![merge],
            };
            for source in sources {
                let Data::Mapping(entries) = source.data else { continue };
                self.entries.extend(entries.into_iter().filter(|entry| keys.insert(entry.key.clone())));
            }
        }
        Ok(self.entries)
    }
}

/// The value of a scalar, and whether it is plain.
fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Position,
) -> Result<(Scalar, bool), TreeError> {
    let plain = style == ScalarStyle::Plain;
    let value = match tag {
        None if plain => resolve(text),
        None => Scalar::Text,
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Scalar::Text,
        Some(tag) if tag.is_yaml_core_schema() => resolve(text),
        Some(tag) if tag.handle == "!" && tag.suffix.is_empty() => Scalar::Text,
        Some(tag) => {
            return Err(TreeError {
                at,
                what: format!("the tag {tag} has no meaning here"),
                hint: "remove the tag",
            });
        }
    };
    Ok((value, plain))
}

fn too_deep(at: Position) -> TreeError {
    TreeError {
        at,
        what: format!("nested deeper than {MAX_DEPTH} levels"),
        hint: "no Kubernetes or Azure document is so deep; is this the right file?",
    }
}

fn complex_key(at: Position) -> TreeError {
    TreeError { at, what: "a key must be a single word, not a list or a mapping".into(), hint: TEMPLATE }
}

/// What to do about a file that is a template yet.
pub(crate) const TEMPLATE: &str =
    "is a `{{ … }}` of a template left in the file? Render it first (`helm template`), or fill it in";

/// A file's text. Windows PowerShell writes UTF-16 where a command's output is sent to a file; `Err` is the number of
/// bytes before the first that is no text.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
    let units = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let pairs = rest
            .chunks(2)
            .map(|pair| read([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)]));
        String::from_utf16_lossy(&pairs.collect::<Vec<_>>()).into()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => Ok(units(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Ok(units(rest, u16::from_be_bytes)),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text).into()),
            Err(error) => Err(error.valid_up_to()),
        },
    }
}

const TAB: &str = "YAML indents with spaces, never with tabs";

fn hint(info: &str) -> &'static str {
    if info.contains("tab") {
        TAB
    } else if info.contains("mapping values") {
        "check the indentation of this line; a value that contains `: ` needs quotes"
    } else if info.contains("anchor") || info.contains("alias") {
        "a value that begins with `*` or `&` needs quotes"
    } else if info.contains("quoted") {
        "a quote is open: close it, or put the whole value in the other kind of quotes"
    } else if info.contains("flow") || info.contains("',' or") || info.contains("']'") || info.contains("'}'")
    {
        "a bracket or brace is open, or a comma is missing"
    } else {
        "check the indentation, the quotes and the brackets here and on the line before"
    }
}
