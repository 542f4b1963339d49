//! ARM templates as `az group export` and the portal write them: resources whose names and ids are expressions.
//!
//! Only what exports contain is evaluated: `parameters`, `variables`, `concat`, `format`, `resourceId` and their
//! like. A template that somebody wrote by hand may ask for more, and is told so.

use crate::{
    classify::is_read,
    scalar::Scalar,
    tree::{Data, Entry, Node, Position},
};
use std::cell::Cell;

/// What exports leave out: the subscription, and the group that the resources are in.
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
const GROUP: &str = "MC_demo_demo_westeurope";
/// How deep expressions, and parameters of parameters, may stand in each other.
const MAX_DEPTH: usize = 40;
/// How much text, and how many values, a template may become.
const MAX_SIZE: usize = 8 << 20;

/// Why a resource cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Position,
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

const SHOW: &str = "give the resource as `az … show -o json` prints it";

/// Whether a document is a template.
pub(crate) fn is_template(node: &Node) -> bool {
    node.get("$schema").is_some() && node.get("resources").is_some_and(|own| !own.is_text())
}

/// The resources of a template, each as Azure would print it.
pub(crate) fn resources(template: &Node) -> Vec<Result<Node, Fault>> {
    let scope = Scope {
        parameters: template.get("parameters"),
        variables: template.get("variables"),
        left: Cell::new(MAX_SIZE),
    };
    let listed = template.get("resources");
    let listed = listed.into_iter().flat_map(|own| {
        // Newer templates have names for them.
        own.items().iter().chain(own.entries().iter().map(|entry| &entry.value))
    });
    let read: Vec<Result<Node, Fault>> = listed.map(|resource| scope.resource(resource)).collect();
    let known: Vec<Node> = read.iter().filter_map(|one| one.as_ref().ok()).cloned().collect();
    read.into_iter()
        .filter(|one| one.as_ref().map_or(true, |resource| !is_in_its_parent(resource, &known)))
        .collect()
}

fn text_of<'n>(node: &'n Node, field: &str) -> &'n str {
    node.get(field).and_then(Node::text).unwrap_or_default()
}

/// Exports have a rule or a subnet twice: within its parent, and as a resource of its own.
fn is_in_its_parent(resource: &Node, all: &[Node]) -> bool {
    let own = text_of(resource, "type").rsplit_once('/').zip(text_of(resource, "name").rsplit_once('/'));
    let Some(((parent_type, list), (parent_name, name))) = own else { return false };
    let list = if list.eq_ignore_ascii_case("agentPools") { "agentPoolProfiles" } else { list };
    let is_parent = |other: &&Node| {
        text_of(other, "type").eq_ignore_ascii_case(parent_type)
            && text_of(other, "name").eq_ignore_ascii_case(parent_name)
    };
    all.iter().filter(is_parent).any(|parent| {
        let items = parent.get("properties").and_then(|inner| inner.get_ignoring_case(list));
        let mut items = items.into_iter().flat_map(Node::items);
        items.any(|item| text_of(item, "name").eq_ignore_ascii_case(name))
    })
}

/// What expressions may name.
struct Scope<'t> {
    parameters: Option<&'t Node>,
    variables: Option<&'t Node>,
    /// What is left of [`MAX_SIZE`].
    left: Cell<usize>,
}

impl Scope<'_> {
    /// Variables of variables can be far larger than the template.
    fn charge(&self, at: Position, size: usize) -> Result<(), Fault> {
        let left = self.left.get().checked_sub(size);
        let what = || "the template becomes too large when it is evaluated".to_owned();
        self.left.set(left.ok_or_else(|| Fault { at, what: what(), hint: SHOW })?);
        Ok(())
    }

    fn resource(&self, resource: &Node) -> Result<Node, Fault> {
        let mut node = match self.whole(resource, 0) {
            Ok(node) => node,
            // No packet depends on it, whatever it says.
            Err(_) if !is_read(text_of(resource, "type")) => resource.clone(),
            Err(fault) => return Err(fault),
        };
        if let Some(copy) = node.get("copy") {
            let what = "a resource that is copied in a loop is not evaluated".to_owned();
            return Err(Fault { at: copy.at, what, hint: SHOW });
        }
        let id = resource_id(text_of(&node, "type"), text_of(&node, "name").split('/'));
        let at = node.at;
        if let Data::Mapping(entries) = &mut node.data {
            entries.retain(|entry| !matches!(entry.key.as_str(), "apiVersion" | "dependsOn" | "comments"));
            if !entries.iter().any(|entry| entry.key == "id") {
                entries.push(Entry { key: "id".into(), at, value: text(at, id) });
            }
        }
        Ok(node)
    }

    /// A value with every expression in it evaluated.
    fn whole(&self, node: &Node, depth: usize) -> Result<Node, Fault> {
        let at = node.at;
        let size = match &node.data {
            Data::Scalar(_, own) => own.len(),
            Data::Sequence(_) | Data::Mapping(_) => 0,
        };
        self.charge(at, size + 1)?;
        let data = match &node.data {
            Data::Scalar(Scalar::Text, own) => {
                match own.strip_prefix('[').and_then(|own| own.strip_suffix(']')) {
                    Some(escaped) if escaped.starts_with('[') => {
                        Data::Scalar(Scalar::Text, own.get(1..).unwrap_or_default().to_owned())
                    }
                    Some(expression) => {
                        let mut parser = Parser { scope: self, at, rest: expression, depth };
                        let value = parser.expression()?;
                        if !parser.rest.trim().is_empty() {
                            return Err(parser.fault(own));
                        }
                        return Ok(value);
                    }
                    None => node.data.clone(),
                }
            }
            Data::Scalar(..) => node.data.clone(),
            Data::Sequence(items) => {
                Data::Sequence(items.iter().map(|item| self.whole(item, depth)).collect::<Result<_, _>>()?)
            }
            Data::Mapping(entries) => {
                let entry = |entry: &Entry| {
                    let value = self.whole(&entry.value, depth)?;
                    Ok(Entry { key: entry.key.clone(), at: entry.at, value })
                };
                Data::Mapping(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
        };
        Ok(Node { at, data })
    }
}

fn text(at: Position, own: String) -> Node {
    Node { at, data: Data::Scalar(Scalar::Text, own) }
}

/// The id of a resource of a type, with one name for each part of the type.
fn resource_id<'n>(resource_type: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let mut id = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/");
    let mut parts = resource_type.split('/');
    id += parts.next().unwrap_or_default();
    for (part, name) in parts.zip(names) {
        id += &format!("/{part}/{name}");
    }
    id
}

/// Reads one expression.
struct Parser<'s, 't> {
    scope: &'s Scope<'t>,
    at: Position,
    rest: &'s str,
    depth: usize,
}

impl Parser<'_, '_> {
    fn fault(&self, what: &str) -> Fault {
        Fault { at: self.at, what: format!("the template's expression {what} is not evaluated"), hint: SHOW }
    }

    fn takes(&mut self, letter: char) -> bool {
        let rest = self.rest.trim_start();
        let after = rest.strip_prefix(letter);
        self.rest = after.unwrap_or(rest);
        after.is_some()
    }

    fn word(&mut self) -> String {
        let rest = self.rest.trim_start();
        let end =
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        self.rest = after;
        word.to_owned()
    }

    /// A text in quotes; two quotes stand for one.
    fn quoted(&mut self) -> Result<String, Fault> {
        let mut own = String::new();
        loop {
            let Some((piece, after)) = self.rest.split_once('\'') else { return Err(self.fault(self.rest)) };
            own += piece;
            self.rest = after;
            if !self.takes_at_once('\'') {
                return Ok(own);
            }
            own.push('\'');
        }
    }

    fn takes_at_once(&mut self, letter: char) -> bool {
        let after = self.rest.strip_prefix(letter);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expression(&mut self) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let what = "the template's expressions stand in each other too deeply".to_owned();
            return Err(Fault { at: self.at, what, hint: SHOW });
        }
        let mut value = if self.takes('\'') {
            text(self.at, self.quoted()?)
        } else {
            let name = self.word();
            if let Ok(number) = name.parse::<u64>() {
                Node { at: self.at, data: Data::Scalar(Scalar::Unsigned(number), name) }
            } else if self.takes('(') {
                let mut arguments = Vec::new();
                while !self.takes(')') {
                    arguments.push(self.expression()?);
                    if !self.takes(',') && !self.rest.trim_start().starts_with(')') {
                        return Err(self.fault(&name));
                    }
                }
                self.call(&name, &arguments)?
            } else {
                return Err(self.fault(if name.is_empty() { self.rest } else { &name }));
            }
        };
        loop {
            let inner = if self.takes('.') {
                let field = self.word();
                value.get_ignoring_case(&field).cloned().ok_or_else(|| self.fault(&format!(".{field}")))?
            } else if self.takes('[') {
                let index = self.expression()?;
                let inner = match &index.data {
                    Data::Scalar(Scalar::Unsigned(number), _) => {
                        usize::try_from(*number).ok().and_then(|number| value.items().get(number))
                    }
                    _ => value.get_ignoring_case(index.text().unwrap_or_default()),
                };
                let inner = inner.cloned().ok_or_else(|| self.fault("[…]"))?;
                if !self.takes(']') {
                    return Err(self.fault("[…]"));
                }
                inner
            } else {
                break;
            };
            value = inner;
        }
        self.depth -= 1;
        Ok(value)
    }

    fn call(&self, name: &str, arguments: &[Node]) -> Result<Node, Fault> {
        let refused = || self.fault(&format!("{name}(…)"));
        let word = |node: &Node| match &node.data {
            Data::Scalar(scalar, own) if *scalar != Scalar::Null => Some(own.clone()),
            _ => None,
        };
        let words = || arguments.iter().map(word).collect::<Option<Vec<String>>>().ok_or_else(refused);
        let written = |own: String| {
            self.scope.charge(self.at, own.len())?;
            Ok(text(self.at, own))
        };
        let object = |fields: &[(&str, &str)]| {
            let entry = |(key, own): &(&str, &str)| Entry {
                key: (*key).to_owned(),
                at: self.at,
                value: text(self.at, (*own).to_owned()),
            };
            Ok(Node { at: self.at, data: Data::Mapping(fields.iter().map(entry).collect()) })
        };
        let subscription = format!("/subscriptions/{SUBSCRIPTION}");
        let group = format!("{subscription}/resourceGroups/{GROUP}");
        match name.to_ascii_lowercase().as_str() {
            "parameters" => self.named("parameter", self.scope.parameters, Some("defaultValue"), arguments),
            "variables" => self.named("variable", self.scope.variables, None, arguments),
            "concat" if arguments.iter().any(|one| matches!(one.data, Data::Sequence(_))) => {
                let items = arguments.iter().flat_map(Node::items).cloned().collect();
                Ok(Node { at: self.at, data: Data::Sequence(items) })
            }
            "concat" => written(words()?.concat()),
            "format" => {
                let words = words()?;
                let (pattern, values) = words.split_first().ok_or_else(refused)?;
                let mut own = pattern.clone();
                for (number, value) in values.iter().enumerate() {
                    own = own.replace(&format!("{{{number}}}"), value);
                    self.scope.charge(self.at, own.len())?;
                }
                written(own)
            }
            "tolower" => written(words()?.concat().to_lowercase()),
            "toupper" => written(words()?.concat().to_uppercase()),
            "string" => written(words()?.concat()),
            "resourceid" => {
                let words = words()?;
                // A subscription and a group may stand before the type, which is the first with a slash.
                let at = words.iter().position(|word| word.contains('/')).ok_or_else(refused)?;
                let (before, own) = words.split_at(at);
                let (resource_type, names) = own.split_first().ok_or_else(refused)?;
                let id = resource_id(resource_type, names.iter().map(String::as_str));
                let id = match before {
                    [] => id,
                    [other] => id.replacen(GROUP, other, 1),
                    [.., own, other] => id.replacen(SUBSCRIPTION, own, 1).replacen(GROUP, other, 1),
                };
                written(id)
            }
            "resourcegroup" => object(&[("name", GROUP), ("id", &group), ("location", "westeurope")]),
            "subscription" => object(&[("subscriptionId", SUBSCRIPTION), ("id", &subscription)]),
            "json" if arguments.first().and_then(Node::text) == Some("null") => {
                Ok(Node { at: self.at, data: Data::Scalar(Scalar::Null, "null".to_owned()) })
            }
            "true" | "false" => {
                let own = name.eq_ignore_ascii_case("true");
                Ok(Node { at: self.at, data: Data::Scalar(Scalar::Bool(own), own.to_string()) })
            }
            _ => Err(refused()),
        }
    }

    /// A parameter or a variable.
    fn named(
        &self,
        what: &str,
        all: Option<&Node>,
        inner: Option<&str>,
        arguments: &[Node],
    ) -> Result<Node, Fault> {
        let [name] = arguments else { return Err(self.fault(what)) };
        let name = name.text().unwrap_or_default();
        let found = all.and_then(|all| all.get_ignoring_case(name));
        let Some(found) = found else {
            let what = format!("the template has no {what} {name}");
            return Err(Fault { at: self.at, what, hint: "export the whole template" });
        };
        let value = match inner {
            Some(inner) => found.get_ignoring_case(inner).filter(|value| !value.is_null()),
            None => Some(found),
        };
        let Some(value) = value else {
            let what = format!("the template's {what} {name} has no defaultValue");
            let hint = "export with `az group export --include-parameter-default-value`";
            return Err(Fault { at: self.at, what, hint });
        };
        self.scope.whole(value, self.depth)
    }
}
