"""Tokens in, tokens out: sequences, prefix cache, scheduler and the backends behind them."""
