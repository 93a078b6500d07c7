"""What stages share to do with DataFrames.

    held  near    tables held while something is made; work in Arrow batches, on executors or here
    samples       some users by the hash of their ids, on the driver
    ages  turns   how much less the old counts; which events turn a user to a product
    communities   who is near whom -> communities, by label propagation
"""
