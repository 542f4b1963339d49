//! Which backend an Ingress gives a request: hosts and paths as the API defines them.

/// The rules of one host, or of all hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressRule<T = String> {
    /// An exact host, `*.` and a domain, or empty for every host.
    pub host: String,
    /// The paths.
    pub paths: Vec<IngressPath<T>>,
}

/// One path of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressPath<T = String> {
    /// The path, starting with `/`.
    pub path: String,
    /// How it is compared.
    pub path_type: PathType,
    /// The Service behind it.
    pub service: T,
}

/// How a path is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathType {
    /// Letter by letter.
    Exact,
    /// Element by element between slashes: `/api` takes `/api/x`, not `/apiary`.
    Prefix,
    /// Letter by letter from the beginning, as ingress-nginx reads ImplementationSpecific: `/api` takes `/apiary`.
    Beginning,
}

/// How many labels a wildcard host stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wildcard {
    /// Exactly one, as the API defines it.
    #[default]
    OneLabel,
    /// One or more: ingress-nginx writes an nginx `server_name`, which matches deeper names too.
    AnyDepth,
}

/// What the default backend answers.
pub const DEFAULT_BACKEND_STATUS: u16 = 404;

/// The path that takes a request; `None` is the default backend. An exact host goes before a wildcard, an
/// exact path before a prefix, a longer prefix before a shorter one.
pub fn route<'a, T>(
    rules: &'a [IngressRule<T>],
    host: &str,
    path: &str,
    wildcard: Wildcard,
) -> Option<&'a IngressPath<T>> {
    let best_host = rules.iter().filter_map(|rule| host_rank(&rule.host, host, wildcard)).max()?;
    rules
        .iter()
        .filter(|rule| host_rank(&rule.host, host, wildcard) == Some(best_host))
        .flat_map(|rule| &rule.paths)
        .filter(|candidate| matches_path(candidate, path))
        // The first of equals, as the API server keeps the order of the document.
        .rev_max_by_key(|candidate| (candidate.path_type == PathType::Exact, candidate.path.len()))
}

/// `max_by_key` that keeps the first of equals.
trait FirstMax: Iterator + Sized {
    fn rev_max_by_key<K: Ord>(self, key: impl Fn(&Self::Item) -> K) -> Option<Self::Item> {
        self.reduce(|best, next| if key(&next) > key(&best) { next } else { best })
    }
}

impl<I: Iterator> FirstMax for I {}

/// How closely a rule's host fits: exact, wildcard (the longer the closer), every host. `None` where it does not.
pub fn host_rank(rule: &str, host: &str, wildcard: Wildcard) -> Option<usize> {
    if rule.is_empty() {
        return Some(0);
    }
    if rule.eq_ignore_ascii_case(host) {
        return Some(usize::MAX);
    }
    let domain = rule.strip_prefix("*.")?;
    let (labels, rest) = host.len().checked_sub(domain.len()).and_then(|at| host.split_at_checked(at))?;
    let label = labels.strip_suffix('.')?;
    let fits = rest.eq_ignore_ascii_case(domain)
        && !label.is_empty()
        && (wildcard == Wildcard::AnyDepth || !label.contains('.'));
    fits.then_some(domain.len())
}

/// Whether a rule's path takes the path of a request.
pub fn matches_path<T>(rule: &IngressPath<T>, path: &str) -> bool {
    match rule.path_type {
        PathType::Exact => rule.path == path,
        PathType::Beginning => path.starts_with(&rule.path),
        PathType::Prefix => {
            let prefix = rule.path.trim_end_matches('/');
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_match_by_element_and_wildcards_by_label() {
        let path = |path: &str, path_type| IngressPath { path: path.into(), path_type, service: path.into() };
        let rules: [IngressRule; 2] = [
            IngressRule { host: String::new(), paths: vec![path("/any", PathType::Prefix)] },
            IngressRule {
                host: "*.example.com".into(),
                paths: vec![path("/api/", PathType::Prefix), path("/api/v1", PathType::Exact)],
            },
        ];
        let service = |host, path, wildcard| route(&rules, host, path, wildcard).map(|path| &*path.service);
        use Wildcard::{AnyDepth, OneLabel};
        for (host, path, wildcard, expected) in [
            ("a.example.com", "/api", OneLabel, Some("/api/")),
            ("a.example.com", "/api/x", OneLabel, Some("/api/")),
            ("A.EXAMPLE.COM", "/api/v1", OneLabel, Some("/api/v1")),
            ("a.example.com", "/apiary", OneLabel, None),
            ("a.b.example.com", "/api", OneLabel, None),
            ("a.b.example.com", "/api", AnyDepth, Some("/api/")),
            ("example.com", "/api", AnyDepth, None),
            ("other.org", "/any/x", OneLabel, Some("/any")),
        ] {
            assert_eq!(service(host, path, wildcard), expected, "{host}{path} {wildcard:?}");
        }
    }
}
