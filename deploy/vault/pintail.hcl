# All that pintail may do in Vault or OpenBao. Change the mount (`secret`) and the path to those of your configuration.
#
#   bao policy write pintail deploy/vault/pintail.hcl

path "secret/data/motherduck/*" {
  # read:   the record, and earlier versions of it for rolling back
  # create: the first version of a secret
  # update: every version after it, each by check-and-set
  capabilities = ["create", "read", "update"]
}

# At the end of each run pintail gives back the token that it logged in for.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# Not among them, since pintail never does it: delete, list, patch, and anything under secret/metadata. The default
# policy is not needed either: give pintail's role `token_no_default_policy=true`. (With it, or with `update` on
# sys/capabilities-self alone, `pintail check` names a right that is missing before it is missed.) `read` on
# secret/config and on secret/metadata/motherduck/* lets `pintail check` find settings that delete versions too early.
