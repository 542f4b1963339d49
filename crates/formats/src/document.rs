//! From sources to objects: walks documents and lists, and collects what there is to say about them.

use crate::{
    Diagnostic, Import, Severity, Source,
    classify::{Class, LeftOut, Reason, classify},
    de::{Dialect, FieldError, Ignored, read},
    scalar::Scalar,
    template,
    tree::{self, Data, Entry, Node, Position},
    validate,
};
use model::{Kind, Model, Object, ObjectRef};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// Where an object stands, and its tree, in which the lines of its fields are found.
pub(crate) struct Located {
    pub(crate) file: Arc<str>,
    pub(crate) node: Node,
    /// Whether the fields of the object stand under `spec`.
    wrapped: bool,
}

impl Located {
    /// Of an object whose fields stand at its top.
    pub(crate) fn plain(file: Arc<str>, node: Node) -> Self {
        Self { file, node, wrapped: false }
    }

    /// The place of a field, or of the object where the field is absent.
    pub(crate) fn place(&self, path: &str) -> Position {
        if self.wrapped { self.node.place(&format!("spec.{path}")) } else { self.node.place(path) }
    }
}

/// Every object that was read, with its place.
pub(crate) type Places = BTreeMap<ObjectRef, Located>;

/// Whether a text begins as the tables of `kubectl get` and `az … -o table` do.
fn is_table(node: &Node) -> bool {
    let Data::Scalar(Scalar::Text, text) = &node.data else { return false };
    let mut words = text.split_whitespace();
    matches!(words.next(), Some("NAME" | "NAMESPACE" | "Name" | "Location")) && words.next().is_some()
}

/// Reads sources one after the other.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) model: Model,
    places: Places,
    diagnostics: Vec<Diagnostic>,
    ignored: BTreeMap<Kind, IgnoredFields>,
    pub(crate) parts: Vec<crate::parts::Found>,
    pub(crate) endpoints: Vec<crate::endpoints::Found>,
    pub(crate) file: Arc<str>,
}

/// Fields of one kind that the model does not have.
struct IgnoredFields {
    file: Arc<str>,
    at: Position,
    paths: Vec<String>,
}

/// How many ignored fields a notice names.
const IGNORED_NAMED: usize = 12;
/// Objects after which it is told how far reading is.
const OBJECTS: usize = 1_000;
/// How many lists may stand in lists.
const MAX_LISTS: usize = 8;

impl Reader {
    /// Reads one source, and tells now and then how much of it is read: of a hundred, the first half by the parser, the
    /// other half as objects.
    pub(crate) fn read(&mut self, source: &Source, tell: &mut dyn FnMut(usize)) {
        self.file = source.name.as_str().into();
        let text = match tree::decode(&source.bytes) {
            Ok(text) => text,
            Err(valid) => {
                let before = source.bytes.get(..valid).unwrap_or_default();
                let line =
                    before.iter().fold(1_u32, |line, byte| line.saturating_add(u32::from(*byte == b'\n')));
                let at = Position { line, column: 1 };
                self.error(at, "this is not UTF-8 text", "save the file as UTF-8");
                return;
            }
        };
        let of = text.len().max(1);
        let (documents, error) = tree::parse_telling(&text, &mut |letters| tell(letters * 50 / of));
        let of = documents.len().max(1);
        for (at, document) in documents.into_iter().enumerate() {
            if at % OBJECTS == OBJECTS - 1 {
                tell(50 + at * 50 / of);
            }
            self.document(document, None, 0);
        }
        if let Some(error) = error {
            let hint = if text.contains("{{") { tree::TEMPLATE } else { error.hint };
            self.error(error.at, error.what, hint);
        }
    }

    /// Refuses a source that does not fit any more.
    pub(crate) fn too_large(&mut self, source: &Source) {
        self.file = source.name.as_str().into();
        let limit = crate::MAX_INPUT_BYTES >> 20;
        self.error(
            Position::START,
            format!("the input is larger than {limit} MiB"),
            "give only the objects that matter",
        );
    }

    /// Checks the whole and hands it over.
    pub(crate) fn finish(mut self) -> Import {
        for (kind, ignored) in std::mem::take(&mut self.ignored) {
            let named = ignored.paths.iter().take(IGNORED_NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = match ignored.paths.len().saturating_sub(IGNORED_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.file = Arc::clone(&ignored.file);
            self.say(
                Severity::Notice,
                ignored.at,
                format!("{kind}: fields that are not modelled were left out: {named}{more}"),
                "",
                None,
            );
        }
        self.join_parts();
        self.mirror_endpoints();
        // Whatever could not be read would be missed by others: one cause, one error.
        if self.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error) {
            validate::validate(&self.model, &self.places, &mut self.diagnostics);
        }
        Import { model: self.model, diagnostics: self.diagnostics }
    }

    pub(crate) fn say(
        &mut self,
        severity: Severity,
        at: Position,
        what: impl Into<String>,
        hint: impl Into<String>,
        object: Option<ObjectRef>,
    ) {
        self.diagnostics.push(Diagnostic {
            severity,
            file: self.file.to_string(),
            line: at.line,
            column: at.column,
            what: what.into(),
            hint: hint.into(),
            object,
        });
    }

    pub(crate) fn error(&mut self, at: Position, what: impl Into<String>, hint: impl Into<String>) {
        self.say(Severity::Error, at, what, hint, None);
    }

    fn document(&mut self, node: Node, listed: Option<(&str, &str)>, lists: usize) {
        if lists > MAX_LISTS {
            return self.error(node.at, "lists stand in lists", "take the inner lists out");
        }
        if node.is_null() {
            return;
        }
        if let Data::Sequence(items) = node.data {
            for item in items {
                self.document(item, listed, lists + 1);
            }
            return;
        }
        if !matches!(node.data, Data::Mapping(_)) {
            let (what, hint) = if is_table(&node) {
                (
                    "this is a table, as commands print it for people",
                    "let kubectl print `-o yaml`, and az `-o json`",
                )
            } else {
                (
                    "this document is a single word, not an object",
                    "an object begins with `apiVersion:` and `kind:`",
                )
            };
            return self.error(node.at, what, hint);
        }
        if self.list(&node, lists) {
            return;
        }
        if template::is_template(&node) {
            for resource in template::resources(&node) {
                match resource {
                    Ok(resource) => self.document(resource, None, lists + 1),
                    Err(fault) => self.error(fault.at, fault.what, fault.hint),
                }
            }
            return;
        }
        match classify(&node, listed) {
            Class::Kubernetes(kind) => self.object(kind, node, Dialect::Kubernetes, false),
            Class::Azure(kind) => self.object(kind, node, Dialect::Azure, false),
            Class::Wrapped(kind) => self.object(kind, node, Dialect::Azure, true),
            Class::Part(part) => self.part(part, &node),
            Class::Endpoints => self.endpoints(node),
            Class::LeftOut(left_out) => self.left_out(&node, &left_out),
            Class::Unknown(what, hint) => {
                let at = node.get("kind").map_or(node.at, |kind| kind.at);
                self.error(at, what, hint);
            }
        }
    }

    /// Reads the items of `kind: List`, `kind: PodList` and the like, and of `{"value": […]}` as Azure's API has it.
    fn list(&mut self, node: &Node, lists: usize) -> bool {
        let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
        let (items, listed) = match (kind.strip_suffix("List"), node.get("items"), node.get("value")) {
            (Some(item), Some(items), _) => {
                let version = node.get("apiVersion").and_then(Node::text).unwrap_or_default();
                (items, (!item.is_empty()).then_some((version, item)))
            }
            (None, None, Some(value)) if node.get("kind").is_none() && !value.items().is_empty() => {
                (value, None)
            }
            _ => return false,
        };
        for item in items.items() {
            self.document(item.clone(), listed, lists + 1);
        }
        true
    }

    fn left_out(&mut self, node: &Node, left_out: &LeftOut) {
        let name = node
            .get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .or_else(|| node.get("name"))
            .and_then(Node::text)
            .map(|name| format!(" {name}"))
            .unwrap_or_default();
        let severity = match left_out.reason {
            Reason::NotSimulated => Severity::Warning,
            Reason::Secret | Reason::MakesPods | Reason::Custom | Reason::Irrelevant => Severity::Notice,
        };
        let what = format!("{}{name} is left out: {}", left_out.name, left_out.reason.text());
        self.say(severity, node.at, what, left_out.reason.hint(), None);
    }

    fn object(&mut self, kind: Kind, mut node: Node, dialect: Dialect, wrapped: bool) {
        if matches!(kind, Kind::Node | Kind::Pod) || kind.is_workload() {
            quantities_as_text(&mut node);
        }
        let body = if wrapped {
            let Some(spec) = node.get("spec") else {
                return self.error(
                    node.at,
                    format!("this {kind} has no spec"),
                    "put the fields of `az … show -o json` under `spec:`",
                );
            };
            spec
        } else {
            &node
        };
        let (mut object, ignored) = match typed(kind, body, dialect) {
            Ok(read) => read,
            Err(error) => {
                let at = error.at.unwrap_or(node.at);
                let name = name_of(&node).map(|name| format!(" {name}")).unwrap_or_default();
                return self.error(at, format!("{kind}{name}: {error}"), error.hint.clone());
            }
        };
        complete(&mut object, &node);
        let id = object.object_ref();
        self.fields_left_out(kind, &id, ignored);
        if id.name.is_empty() {
            let at = node.get("metadata").map_or(node.at, |metadata| metadata.at);
            return self.error(
                at,
                format!("this {kind} has no name"),
                if dialect == Dialect::Kubernetes || wrapped {
                    "add `name:` under `metadata:`"
                } else {
                    "add the field `name`"
                },
            );
        }
        self.add(id, object, Located { file: Arc::clone(&self.file), node, wrapped });
    }

    pub(crate) fn add(&mut self, id: ObjectRef, object: Object, located: Located) {
        let single = matches!(id.kind, Kind::ManagedCluster | Kind::KubeProxyConfiguration);
        let first = if single {
            self.places.iter().find(|(known, _)| known.kind == id.kind)
        } else {
            self.places.get_key_value(&id)
        };
        if let Some((known, first)) = first {
            let place = format!("{}:{}", first.file, first.node.at.line);
            let (what, hint) = if *known == id {
                (
                    format!("{id} stands here for the second time"),
                    format!("the first is at {place}; remove one"),
                )
            } else {
                (
                    format!("a second {}", id.kind),
                    format!("the first is at {place}; give one cluster at a time"),
                )
            };
            return self.say(Severity::Error, located.node.at, what, hint, Some(id));
        }
        self.model.put(object);
        self.places.insert(id, located);
    }

    fn fields_left_out(&mut self, kind: Kind, id: &ObjectRef, ignored: Vec<Ignored>) {
        for field in ignored {
            if is_bookkeeping(&field.path) {
                continue;
            }
            if let Some(near) = field.near {
                self.say(
                    Severity::Warning,
                    field.at,
                    format!("{id}: unknown field {}", field.path),
                    format!("did you mean {near}?"),
                    Some(id.clone()),
                );
                continue;
            }
            let file = &self.file;
            let of_kind = self.ignored.entry(kind).or_insert_with(|| IgnoredFields {
                file: Arc::clone(file),
                at: field.at,
                paths: Vec::new(),
            });
            let path = without_indices(&field.path);
            if !of_kind.paths.contains(&path) {
                of_kind.paths.push(path);
            }
        }
    }
}

/// Fields that the API server and Azure keep for themselves.
fn is_bookkeeping(path: &str) -> bool {
    const KUBERNETES: &[&str] = &[
        "metadata.creationTimestamp",
        "metadata.managedFields",
        "metadata.resourceVersion",
        "metadata.generation",
        "metadata.generateName",
        "metadata.selfLink",
        "metadata.finalizers",
        "metadata.deletionGracePeriodSeconds",
    ];
    const ANYWHERE: &[&str] =
        &["apiVersion", "kind", "etag", "provisioningState", "resourceGroup", "resourceGuid", "type"];
    KUBERNETES.contains(&path) || ANYWHERE.contains(&path.rsplit('.').next().unwrap_or(path))
}

/// `spec.containers[0].image` → `spec.containers[].image`.
fn without_indices(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|letter| {
            inside = *letter == '[' || inside && *letter != ']';
            !(inside && letter.is_ascii_digit())
        })
        .collect()
}

/// The name that a document gives itself.
fn name_of(node: &Node) -> Option<&str> {
    node.get("metadata").and_then(|metadata| metadata.get("name")).or_else(|| node.get("name"))?.text()
}

/// `cpu: 2` is a quantity as good as `cpu: "2"`.
fn quantities_as_text(node: &mut Node) {
    match &mut node.data {
        Data::Mapping(entries) => {
            for Entry { key, value, .. } in entries {
                if matches!(key.as_str(), "capacity" | "allocatable" | "requests" | "limits") {
                    numbers_as_text(value);
                } else {
                    quantities_as_text(value);
                }
            }
        }
        Data::Sequence(items) => items.iter_mut().for_each(quantities_as_text),
        Data::Scalar(..) => {}
    }
}

fn numbers_as_text(quantities: &mut Node) {
    let Data::Mapping(entries) = &mut quantities.data else { return };
    for entry in entries {
        if let Data::Scalar(scalar @ (Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Float(_)), _) =
            &mut entry.value.data
        {
            *scalar = Scalar::Text;
        }
    }
}

fn typed(kind: Kind, node: &Node, dialect: Dialect) -> Result<(Object, Vec<Ignored>), FieldError> {
    fn of<'de, T: Deserialize<'de>>(
        node: &'de Node,
        dialect: Dialect,
        wrap: fn(Arc<T>) -> Object,
    ) -> Result<(Object, Vec<Ignored>), FieldError> {
        read(node, dialect).map(|(object, ignored)| (wrap(Arc::new(object)), ignored))
    }
    match kind {
        Kind::Node => of(node, dialect, Object::Node),
        Kind::Pod => of(node, dialect, Object::Pod),
        Kind::Service => of(node, dialect, Object::Service),
        Kind::EndpointSlice => of(node, dialect, Object::EndpointSlice),
        Kind::Deployment => of(node, dialect, Object::Deployment),
        Kind::ReplicaSet => of(node, dialect, Object::ReplicaSet),
        Kind::StatefulSet => of(node, dialect, Object::StatefulSet),
        Kind::DaemonSet => of(node, dialect, Object::DaemonSet),
        Kind::Job => of(node, dialect, Object::Job),
        Kind::PodDisruptionBudget => of(node, dialect, Object::PodDisruptionBudget),
        Kind::Binding => of(node, dialect, Object::Binding),
        Kind::KubeProxyConfiguration => of(node, dialect, Object::KubeProxyConfiguration),
        Kind::ManagedCluster => of(node, dialect, Object::ManagedCluster),
        Kind::LoadBalancer => of(node, dialect, Object::LoadBalancer),
        Kind::VirtualNetwork => of(node, dialect, Object::VirtualNetwork),
        Kind::NetworkSecurityGroup => of(node, dialect, Object::NetworkSecurityGroup),
        Kind::RouteTable => of(node, dialect, Object::RouteTable),
        Kind::PublicIPAddress => of(node, dialect, Object::PublicIPAddress),
        Kind::NatGateway => of(node, dialect, Object::NatGateway),
        Kind::Namespace => of(node, dialect, Object::Namespace),
        Kind::PriorityClass => of(node, dialect, Object::PriorityClass),
        Kind::Ingress => of(node, dialect, Object::Ingress),
        Kind::IngressClass => of(node, dialect, Object::IngressClass),
        Kind::NetworkPolicy => of(node, dialect, Object::NetworkPolicy),
        Kind::StorageAccount => of(node, dialect, Object::StorageAccount),
        Kind::PrivateEndpoint => of(node, dialect, Object::PrivateEndpoint),
        Kind::PrivateDnsZone => of(node, dialect, Object::PrivateDnsZone),
        Kind::DnsResolver => of(node, dialect, Object::DnsResolver),
        Kind::LocalNetworkGateway => of(node, dialect, Object::LocalNetworkGateway),
        Kind::VirtualNetworkGateway => of(node, dialect, Object::VirtualNetworkGateway),
        Kind::NetworkInterface => of(node, dialect, Object::NetworkInterface),
        Kind::AzureFirewall => of(node, dialect, Object::AzureFirewall),
    }
}

/// Fills in what the document says elsewhere: the namespace `default`, the name of a wrapped object.
fn complete(object: &mut Object, document: &Node) {
    let default_namespace = |namespace: &mut String| {
        if namespace.is_empty() {
            "default".clone_into(namespace);
        }
    };
    let default_name = |name: &mut String| {
        if name.is_empty() {
            name_of(document).unwrap_or_default().clone_into(name);
        }
    };
    match object {
        Object::Pod(object) => default_namespace(&mut Arc::make_mut(object).metadata.namespace),
        Object::Service(object) => default_namespace(&mut Arc::make_mut(object).metadata.namespace),
        Object::EndpointSlice(object) => default_namespace(&mut Arc::make_mut(object).metadata.namespace),
        Object::ManagedCluster(object) => {
            let name = &mut Arc::make_mut(object).name;
            default_name(name);
            if name.is_empty() {
                "aks".clone_into(name);
            }
        }
        Object::LoadBalancer(object) => default_name(&mut Arc::make_mut(object).name),
        Object::VirtualNetwork(object) => default_name(&mut Arc::make_mut(object).name),
        Object::NetworkSecurityGroup(object) => default_name(&mut Arc::make_mut(object).name),
        Object::RouteTable(object) => default_name(&mut Arc::make_mut(object).name),
        Object::PublicIPAddress(object) => default_name(&mut Arc::make_mut(object).name),
        Object::NatGateway(object) => default_name(&mut Arc::make_mut(object).name),
        Object::AzureFirewall(object) => default_name(&mut Arc::make_mut(object).name),
        Object::StorageAccount(object) => default_name(&mut Arc::make_mut(object).name),
        Object::PrivateEndpoint(object) => default_name(&mut Arc::make_mut(object).name),
        Object::PrivateDnsZone(object) => default_name(&mut Arc::make_mut(object).name),
        Object::DnsResolver(object) => default_name(&mut Arc::make_mut(object).name),
        Object::LocalNetworkGateway(object) => default_name(&mut Arc::make_mut(object).name),
        Object::VirtualNetworkGateway(object) => default_name(&mut Arc::make_mut(object).name),
        Object::Ingress(object) => default_namespace(&mut Arc::make_mut(object).metadata.namespace),
        Object::NetworkPolicy(object) => default_namespace(&mut Arc::make_mut(object).metadata.namespace),
        Object::Deployment(object)
        | Object::ReplicaSet(object)
        | Object::StatefulSet(object)
        | Object::DaemonSet(object)
        | Object::Job(object) => default_namespace(&mut Arc::make_mut(object).metadata.namespace),
        Object::PodDisruptionBudget(object) => {
            default_namespace(&mut Arc::make_mut(object).metadata.namespace);
        }
        Object::Binding(object) => default_namespace(&mut Arc::make_mut(object).metadata.namespace),
        Object::Node(_)
        | Object::KubeProxyConfiguration(_)
        | Object::Namespace(_)
        | Object::PriorityClass(_)
        | Object::IngressClass(_) => {}
        Object::NetworkInterface(object) => {
            let object = Arc::make_mut(object);
            default_name(&mut object.name);
            let id = object.id.as_ref();
            let part = |kind| id.and_then(|id| id.segment(kind));
            if let (Some(set), Some(instance)) = (part("virtualMachineScaleSets"), part("virtualMachines"))
                && !object.name.contains('/')
            {
                object.name = format!("{set}/{instance}/{}", object.name);
            }
        }
    }
}
