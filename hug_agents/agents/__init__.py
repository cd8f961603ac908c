"""The three agents and the models behind them. The only package that imports langchain; importing it alone does not."""
