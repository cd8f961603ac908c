"""Do the files of a bundle speak of the same things? Each system says what its files define and refer to; one gate compares."""
