//! What the name of a pod says about who owns it.

use crate::intern::Interner;
use tminus_core::record::Origin;

/// The letters that Kubernetes makes random suffixes from.
fn is_suffix(part: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&part.len()) && part.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
}

/// The owner in a pod's name and, for pods of a deployment, the replica set.
pub(crate) fn owner(pod: &str) -> Option<(&str, Option<&str>)> {
    let (front, last) = pod.rsplit_once('-')?;
    if last.bytes().all(|b| b.is_ascii_digit()) && !last.is_empty() {
        return Some((front, None));
    }
    if !is_suffix(last, 5..=5) {
        return None;
    }
    match front.rsplit_once('-') {
        Some((name, hash)) if is_suffix(hash, 8..=10) => Some((name, Some(front))),
        _ => Some((front, None)),
    }
}

/// Whether a word is certainly a pod of a deployment.
pub(crate) fn is_deployment_pod(word: &str) -> bool {
    matches!(owner(word), Some((_, Some(_))))
}

/// Fills service and revision of an origin from its pod's name.
pub(crate) fn complete(origin: &mut Origin, interner: &mut Interner) {
    let Some(pod) = origin.instance.clone() else {
        return;
    };
    let Some((name, replica_set)) = owner(&pod) else {
        return;
    };
    if origin.service.is_none() {
        origin.service = Some(interner.name(name));
    }
    if origin.revision.is_none() {
        origin.revision = replica_set.map(|set| interner.name(set));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_in_the_name() {
        assert_eq!(owner("gateway-6d8rwpm58-ppt5w"), Some(("gateway", Some("gateway-6d8rwpm58"))));
        assert_eq!(owner("node-agent-x2x4z"), Some(("node-agent", None)));
        assert_eq!(owner("postgres-0"), Some(("postgres", None)));
        assert_eq!(owner("orders"), None);
        assert_eq!(owner("orders-worker"), None);
        assert!(is_deployment_pod("orders-7d9c5b7c6b-x2x4z") && !is_deployment_pod("postgres-0"));
    }
}
