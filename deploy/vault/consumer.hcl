# What a consumer needs: its own secret, and only to read it.
#
#   bao policy write motherduck-etl-prod deploy/vault/consumer.hcl

path "secret/data/motherduck/etl-prod" {
  capabilities = ["read"]
}
