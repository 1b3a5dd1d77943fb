"""Magento's `searchCriteria`: read from a query string, and applied to rows."""
