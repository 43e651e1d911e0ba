"""The service that keeps the stock of several Shopify stores equal."""
