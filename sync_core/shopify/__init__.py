"""One Shopify store behind the port `Store`: GraphQL over HTTP, paced, and its webhooks."""
